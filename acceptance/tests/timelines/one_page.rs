//! One page: what the whole system does with repeats, rises, recoveries and stragglers, over SNS, SQS and PagerDuty.

use acceptance::{
    alarm::{Alarm, clock},
    world::{World, decided, incidents, only_alert, publish},
};
use anyhow::{Result, ensure};
use testkit::pagerduty::Status;

#[test]
fn ten_identical_alarms_page_once() -> Result<()> {
    World::shared().play(async |cloud, record| {
        let (alarm, at) = (Alarm::on("TenIdentical"), clock());
        for _ in 0..10 {
            publish(cloud, &alarm.firing(at(0))).await?;
        }
        let signals = decided(&record, &alarm.subject(), 10).await?;
        let duplicates = signals.iter().filter(|signal| signal.suppressed_as("duplicate")).count();
        ensure!(signals.len() == 10 && duplicates == 9, "nine duplicates were expected: {signals:?}");
        let alert = only_alert(&record, &alarm.subject()).await?;
        let seen = incidents(cloud, &alert, &[("HIGH", Status::Open)]).await?;
        ensure!(seen.iter().all(|incident| incident.triggers == 1), "PagerDuty was told again: {seen:?}");
        Ok(())
    })
}

#[test]
fn a_rise_opens_a_new_key_and_recovery_closes_what_was_opened() -> Result<()> {
    World::shared().play(async |cloud, record| {
        let (alarm, at) = (Alarm::on("Rising"), clock());
        let other = Alarm::on("Unrelated");
        publish(cloud, &alarm.firing(at(0))).await?;
        publish(cloud, &other.firing(at(0))).await?;
        decided(&record, &alarm.subject(), 1).await?;
        decided(&record, &other.subject(), 1).await?;
        let alert = only_alert(&record, &alarm.subject()).await?;
        let unrelated = only_alert(&record, &other.subject()).await?;
        incidents(cloud, &alert, &[("HIGH", Status::Open)]).await?;

        publish(cloud, &alarm.clone().severity("CRITICAL").firing(at(60))).await?;
        incidents(cloud, &alert, &[("HIGH", Status::Resolved), ("CRITICAL", Status::Open)]).await?;

        publish(cloud, &alarm.clone().severity("CRITICAL").recovered(at(120))).await?;
        incidents(cloud, &alert, &[("HIGH", Status::Resolved), ("CRITICAL", Status::Resolved)]).await?;
        let alert = only_alert(&record, &alarm.subject()).await?;
        ensure!(alert.status == "resolved", "the alert is {}", alert.status);
        incidents(cloud, &unrelated, &[("HIGH", Status::Open)]).await?;

        // Keys that were never triggered are not resolved either.
        let received = cloud.receivers.received_by("pagerduty");
        let resolved = received.iter().filter(|request| request.json["event_action"] == "resolve");
        let keys: Vec<_> = resolved.filter_map(|request| request.json["dedup_key"].as_str()).collect();
        let ours: Vec<_> = keys.into_iter().filter(|key| key.starts_with(&alert.fingerprint)).collect();
        let expected = [format!("{}:HIGH", alert.fingerprint), format!("{}:CRITICAL", alert.fingerprint)];
        ensure!(ours == expected, "resolved {ours:?}, expected {expected:?}");
        Ok(())
    })
}

#[test]
fn an_older_alarm_that_arrives_late_opens_nothing() -> Result<()> {
    World::shared().play(async |cloud, record| {
        let (alarm, at) = (Alarm::on("Late"), clock());
        publish(cloud, &alarm.firing(at(0))).await?;
        decided(&record, &alarm.subject(), 1).await?;
        publish(cloud, &alarm.recovered(at(120))).await?;
        decided(&record, &alarm.subject(), 2).await?;
        publish(cloud, &alarm.firing(at(60))).await?;
        let signals = decided(&record, &alarm.subject(), 3).await?;
        ensure!(signals[2].suppressed_as("stale"), "{signals:?}");
        let alert = only_alert(&record, &alarm.subject()).await?;
        incidents(cloud, &alert, &[("HIGH", Status::Resolved)]).await?;
        Ok(())
    })
}
