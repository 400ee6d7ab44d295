//! A worker that makes a false and then a dangerous claim is barred once, told of twice, and freed by a person.

use acceptance::world::{CLAIMS, World, ask, decided, incidents, mailed, only_alert};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::pagerduty::Status;

/// A claim that was found to be false, of a worker in prod.
fn claim(worker: &str, text: &str, at: &str) -> String {
    let claim = json!({
        "worker_id": worker, "status": "FALSE", "claim": text, "environment": "prod",
        "event_id": format!("{worker}-{at}"), "timestamp": format!("2026-03-01T06:{at}Z"),
    });
    claim.to_string()
}

#[test]
fn a_high_and_then_a_critical_claim_are_two_notices_and_one_bar_until_a_person_releases() -> Result<()> {
    World::shared().play(async |cloud, record| {
        let queue = cloud.stack.queues.get("alerts").context("no queue alerts")?;
        let claims = cloud.aws.topic_to_queue(CLAIMS, queue).await?;
        let barred = async |worker: &str| -> Result<Value> {
            Ok(ask(cloud, &json!({"quarantined": [worker], "environment": "prod"})).await?["quarantined"][worker]
                .take())
        };
        let worker = "worker-d1";
        cloud.aws.publish(&claims, &claim(worker, "Updated the report", "00:00")).await?;
        decided(&record, worker, 1).await?;
        let alert = only_alert(&record, worker).await?;
        incidents(cloud, &alert, &[("HIGH", Status::Open)]).await?;
        ensure!(barred(worker).await?.is_null(), "HIGH bars nobody");

        cloud.aws.publish(&claims, &claim(worker, "Cleaned up: ran rm -rf /data", "01:00")).await?;
        incidents(cloud, &alert, &[("HIGH", Status::Resolved), ("CRITICAL", Status::Open)]).await?;
        mailed(cloud, worker, 2).await?;
        let bar = barred(worker).await?;
        ensure!(bar["alert_id"] == json!(alert.id), "it is barred by its claim: {bar}");

        cloud.aws.publish(&claims, &claim(worker, "Cleaned up: ran rm -rf /home", "02:00")).await?;
        decided(&record, worker, 3).await?;
        ensure!(barred(worker).await? == bar, "the first bar and its reason stand");
        mailed(cloud, worker, 2).await?;

        let release =
            json!({"release": {"worker_id": worker, "environment": "prod", "by": "ana", "reason": "checked"}});
        let released = ask(cloud, &release).await?;
        ensure!(released["did"]["workers_released"] == 1, "{released}");
        ensure!(barred(worker).await?.is_null(), "it is free");
        ask(cloud, &json!({"tick": "retry"})).await?;
        mailed(cloud, worker, 3).await
    })
}

#[test]
fn a_claim_from_a_sender_that_is_not_declared_pages_and_bars_nobody() -> Result<()> {
    World::shared().play(async |cloud, record| {
        let queue = cloud.stack.queues.get("alerts").context("no queue alerts")?;
        let gossip = cloud.aws.topic_to_queue("gossip", queue).await?;
        let worker = "worker-of-gossip";
        cloud.aws.publish(&gossip, &claim(worker, "ran rm -rf /data", "00:00")).await?;
        decided(&record, worker, 1).await?;
        let alert = only_alert(&record, worker).await?;
        incidents(cloud, &alert, &[("CRITICAL", Status::Open)]).await?;
        let answer = ask(cloud, &json!({"quarantined": [worker]})).await?;
        ensure!(answer["quarantined"][worker].is_null(), "{answer}");
        Ok(())
    })
}
