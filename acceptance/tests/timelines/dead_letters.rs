//! A message that nobody can read and live is set aside, and takes no other along.

use std::time::Duration;

use acceptance::{
    alarm::{Alarm, clock},
    world::{KILLER, PATIENCE, World, decided, incidents, only_alert, publish},
};
use anyhow::{Context, Result, ensure};
use localstack::wait::eventually;
use testkit::pagerduty::Status;

#[test]
fn a_message_that_kills_its_reader_ends_in_the_dead_letter_queue_alone() -> Result<()> {
    World::shared().play(async |cloud, record| {
        let at = clock();
        let neighbours: Vec<Alarm> = (0..5).map(|n| Alarm::on(&format!("Neighbour{n}"))).collect();
        let alerts = cloud.stack.queues.get("alerts").context("no queue alerts")?;
        // The killer in the middle: some neighbours are received before it, some after.
        for (n, neighbour) in neighbours.iter().enumerate() {
            if n == 2 {
                cloud.aws.send_message(alerts, KILLER).await?;
            }
            publish(cloud, &neighbour.firing(at(0))).await?;
        }
        for neighbour in &neighbours {
            decided(&record, &neighbour.subject(), 1).await?;
            let alert = only_alert(&record, &neighbour.subject()).await?;
            incidents(cloud, &alert, &[("HIGH", Status::Open)]).await?;
        }
        let dead = cloud.stack.queues.get("alerts_dlq").context("no queue alerts_dlq")?;
        // Five receives, six seconds of visibility each.
        let message = eventually("the killer in alerts-dlq", Duration::from_secs(120), async || {
            Ok(cloud.aws.take_messages(dead).await?.pop())
        })
        .await?;
        ensure!(message.body == KILLER, "{} landed in alerts-dlq", message.body);
        ensure!(cloud.aws.take_messages(dead).await?.is_empty(), "something else landed in alerts-dlq too");
        eventually("an empty queue alerts", PATIENCE, async || {
            Ok((cloud.aws.queue_depth(alerts).await? == 0).then_some(()))
        })
        .await
    })
}
