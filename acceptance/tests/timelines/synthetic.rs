//! The synthetic alert walks the way that every alert walks, and ends at the receiver that tells nobody.

use acceptance::world::{PATIENCE, World, ask};
use anyhow::{Result, ensure};
use localstack::wait::eventually;
use serde_json::json;

#[test]
fn the_synthetic_alert_comes_back_through_the_queue_and_its_delivery_is_on_record() -> Result<()> {
    World::shared().play(async |cloud, record| {
        let before = record.alerts("alert-router").await?;
        // A minute that no other tick of this cloud has.
        let answer = ask(cloud, &json!({"tick": "synthetic", "now": "2026-03-01T06:00:00Z"})).await?;
        ensure!(answer["did"]["signals_sent"] == 1, "{answer}");
        let ours = eventually("the delivery of the synthetic alert", PATIENCE, async || {
            for alert in record.alerts("alert-router").await? {
                let is_new = before.iter().all(|known| known.id != alert.id);
                if is_new && record.deliveries(&alert).await? == ["null firing sent 1"] {
                    return Ok(Some(alert));
                }
            }
            Ok(None)
        });
        let alert = ours.await?;
        ensure!(cloud.receivers.incidents().iter().all(|incident| !incident.dedup_key.starts_with(&alert.fingerprint)));
        Ok(())
    })
}
