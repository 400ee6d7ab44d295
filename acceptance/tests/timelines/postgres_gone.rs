//! Postgres is gone: who must not wait is told all the same, and once it is back the record knows everything.

use std::time::{Duration, Instant};

use acceptance::{
    alarm::{Alarm, clock},
    world::{PATIENCE, World, ask, decided, incidents, mailed, mails, only_alert, publish},
};
use anyhow::{Context, Result, ensure};
use localstack::{cloud::Cloud, record::Record, wait::eventually};
use serde_json::json;
use testkit::pagerduty::Status;
use tokio::task::spawn_blocking;

#[test]
fn a_critical_alarm_pages_within_ten_seconds_and_once_and_the_record_catches_up() -> Result<()> {
    World::shared().play_alone(async |cloud, record| {
        let at = clock();
        let (page, wait) = (Alarm::on("Outage").severity("CRITICAL"), Alarm::on("CanWait").severity("LOW"));
        // So that there is a sandbox whose connection breaks.
        let before = Alarm::on("BeforeTheOutage");
        publish(cloud, &before.firing(at(0))).await?;
        decided(&record, &before.subject(), 1).await?;

        spawn_blocking(|| cloud.postgres().stop()).await?;
        let began = Instant::now();
        publish(cloud, &page.firing(at(0))).await?;
        publish(cloud, &wait.firing(at(0))).await?;
        let told = eventually("an incident", Duration::from_secs(10), async || {
            Ok(cloud.receivers.incidents().into_iter().find(|incident| incident.summary.contains(&page.subject())))
        });
        told.await.context("nobody was paged while Postgres was gone")?;
        println!("paged {:.1} s after the alarm, without Postgres", began.elapsed().as_secs_f64());
        mailed(cloud, &page.subject(), 1).await?;
        let held = cloud.stack.queues.get("alerts_held").context("no queue alerts_held")?;
        eventually(
            "both messages held",
            PATIENCE,
            async || Ok((cloud.aws.queue_depth(held).await? == 2).then_some(())),
        )
        .await?;
        ensure!(hooked(cloud, &wait) == 0, "LOW can wait");
        // A tick that finds no store is no failure: the alarm on held messages tells people.
        ask(cloud, &json!({"tick": "retry"})).await?;

        spawn_blocking(|| cloud.postgres().start_again()).await??;
        let record = Record::open(&cloud.stack.database_url).await?;
        drained(cloud, held).await?;
        let signals = decided(&record, &page.subject(), 1).await?;
        ensure!(signals[0].decision.as_deref() == Some("opened"), "{signals:?}");
        let alert = only_alert(&record, &page.subject()).await?;
        let seen = incidents(cloud, &alert, &[("CRITICAL", Status::Open)]).await?;
        ensure!(seen[0].triggers == 1, "PagerDuty was told again: {seen:?}");
        let on_record = record.deliveries(&alert).await?;
        ensure!(on_record == ["on-call firing sent 1", "mail firing sent 1"], "on record: {on_record:?}");
        decided(&record, &wait.subject(), 1).await?;
        eventually("the hook told of LOW", PATIENCE, async || Ok((hooked(cloud, &wait) == 1).then_some(()))).await?;

        // Half an hour later by the alarm's own clock it still fires, and then it is over.
        publish(cloud, &page.firing(at(1800))).await?;
        caught_up(cloud, &record, &page, 2).await?;
        publish(cloud, &page.recovered(at(1860))).await?;
        let signals = caught_up(cloud, &record, &page, 3).await?;
        ensure!(signals == ["opened", "suppressed", "resolved"], "{signals:?}");
        incidents(cloud, &alert, &[("CRITICAL", Status::Resolved)]).await?;
        mailed(cloud, &page.subject(), 2).await?;
        ensure!(hooked(cloud, &wait) == 1 && mails(cloud, &wait.subject()).await?.is_empty(), "LOW was told once");
        // A sandbox that noticed leaves the store alone for a while; the timelines after this one get new ones.
        cloud.kill("alert-router")?;
        Ok(())
    })
}

/// How often the webhook heard of an alarm.
fn hooked(cloud: &Cloud, alarm: &Alarm) -> usize {
    let received = cloud.receivers.received_by("webhook");
    received.iter().filter(|request| request.body.contains(&alarm.subject())).count()
}

/// Ticks, as the schedule would, until nothing is held any more.
async fn drained(cloud: &Cloud, held: &str) -> Result<()> {
    eventually("nothing held", PATIENCE, async || {
        ask(cloud, &json!({"tick": "retry"})).await?;
        Ok((cloud.aws.queue_depth(held).await? == 0).then_some(()))
    })
    .await
}

/// Ticks until so many signals about an alarm are decided, and says how: a sandbox that still leaves the store alone holds
/// what it gets.
async fn caught_up(cloud: &Cloud, record: &Record, alarm: &Alarm, count: usize) -> Result<Vec<String>> {
    let what = format!("{count} signals about {}", alarm.subject());
    let signals = eventually(&what, PATIENCE, async || {
        ask(cloud, &json!({"tick": "retry"})).await?;
        let signals = record.signals(&alarm.subject()).await?;
        Ok((signals.len() >= count).then_some(signals))
    })
    .await?;
    Ok(signals.into_iter().filter_map(|signal| signal.decision).collect())
}
