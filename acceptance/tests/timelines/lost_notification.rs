//! An alarm's notification vanishes on its way; CloudWatch still knows, and the reconcile tick asks it.

use std::time::Duration;

use acceptance::world::{PATIENCE, World, ask, decided, incidents, mailed, only_alert};
use anyhow::{Context, Result, ensure};
use jiff::SignedDuration;
use localstack::wait::eventually;
use serde_json::json;
use testkit::pagerduty::Status;

/// The metric, and what alerts about it are called.
const METRIC: &str = "LostNotification";
const SUBJECT: &str = "Example/LostNotification";
const ALARM: &str = "lost-notification";

#[test]
fn an_alarm_notification_that_was_deleted_from_the_queue_pages_at_the_reconcile_tick() -> Result<()> {
    World::shared().play_alone(async |cloud, record| {
        let topic = cloud.stack.topics.get("alarms").context("no topic alarms")?;
        let queue = cloud.stack.queues.get("alerts").context("no queue alerts")?;
        let router = cloud.stack.function_name("alert-router");
        cloud.aws.put_alarm(ALARM, METRIC, topic).await?;
        cloud.aws.feed(&router, false).await?;
        cloud.aws.set_alarm_state(ALARM, "ALARM").await?;
        let lost = eventually("the notification on the queue", PATIENCE, async || {
            Ok(cloud.aws.take_messages(queue).await?.pop())
        });
        let lost = lost.await;
        cloud.aws.feed(&router, true).await?;
        ensure!(lost?.body.contains(ALARM), "another message was deleted");

        // It was sent in this minute, and may still be under way.
        ask(cloud, &json!({"tick": "reconcile"})).await?;
        ensure!(record.signals(SUBJECT).await?.is_empty(), "nothing is made up for before a minute is over");
        // The next two, by their clock.
        for minutes in [5, 10] {
            let now = ask(cloud, &json!({"tick": "reconcile", "dry_run": true})).await?["now"].clone();
            let now: jiff::Timestamp = now.as_str().context("no instant")?.parse().context("reading the instant")?;
            let then = now + SignedDuration::from_mins(minutes);
            ask(cloud, &json!({"tick": "reconcile", "now": then.to_string()})).await?;
        }
        let signals = decided(&record, SUBJECT, 1).await?;
        ensure!(signals.len() == 1, "what is known was recorded again: {signals:?}");
        let alert = only_alert(&record, SUBJECT).await?;
        incidents(cloud, &alert, &[("HIGH", Status::Open)]).await?;
        mailed(cloud, SUBJECT, 1).await?;

        // Its end arrives as usual, and ends it: both are one source. The emulator's notifications are dated to the second,
        // its listings to the microsecond: within one second the end would be the older of the two.
        tokio::time::sleep(Duration::from_secs(1)).await;
        cloud.aws.set_alarm_state(ALARM, "OK").await?;
        incidents(cloud, &alert, &[("HIGH", Status::Resolved)]).await?;
        Ok(())
    })
}
