//! One page: what the whole system does with repeats, rises, recoveries and stragglers, over SNS, SQS and PagerDuty.

use acceptance::{
    alarm::{Alarm, clock},
    world::{PATIENCE, World, decided, incidents, only_alert, publish},
};
use anyhow::{Context, Result, ensure};
use localstack::{pipeline, wait::eventually};
use serde_json::json;
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

#[test]
fn stale_telemetry_turns_the_alarm_and_pages_once() -> Result<()> {
    World::shared().play(async |cloud, record| {
        let alarm = cloud.stack.alarms.get("TelemetryLagAlarm").context("no TelemetryLagAlarm")?;
        let database = cloud.stack.database_url.clone();
        tokio::task::spawn_blocking(move || pipeline::make_telemetry_stale(&database, 900)).await??;
        for _ in 0..3 {
            let answer = cloud.invoke("healthcheck", &json!({})).await?;
            ensure!(!answer.failed, "healthcheck failed: {}", answer.payload);
            let lag = answer.payload["metrics"]["TelemetryLag"].as_f64();
            ensure!(lag.is_some_and(|lag| lag >= 900.0), "TelemetryLag is {lag:?}");
        }
        eventually("the alarm in ALARM", PATIENCE, async || {
            Ok((cloud.aws.alarm_state(alarm).await? == "ALARM").then_some(()))
        })
        .await?;
        let subject = "OPsPipeline/TelemetryLag";
        decided(&record, subject, 1).await?;
        let alert = only_alert(&record, subject).await?;
        ensure!(alert.severity == "HIGH", "the watch file says HIGH, the alert is {}", alert.severity);
        incidents(cloud, &alert, &[("HIGH", Status::Open)]).await?;
        Ok(())
    })
}
