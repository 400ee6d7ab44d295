//! Data goes stale: the threshold in the watch file and the CloudWatch alarm on the same metric are one incident, which
//! stays open until both say that it is over.

use acceptance::world::{PATIENCE, World, incidents, only_alert};
use anyhow::{Context, Result, ensure};
use localstack::{
    cloud::Cloud,
    pipeline,
    record::{Decided, Record},
    wait::eventually,
};
use serde_json::json;
use testkit::pagerduty::Status;

const SUBJECT: &str = "OPsPipeline/TelemetryLag";
/// Who says something about it: the check's threshold, or the alarm, whose source is its ARN (in the emulator, its
/// account, region and name).
#[derive(Debug, Clone, Copy, PartialEq)]
enum By {
    Threshold,
    Alarm,
}

#[test]
fn a_threshold_and_an_alarm_on_one_metric_are_one_incident_until_both_have_recovered() -> Result<()> {
    World::shared().play(async |cloud, record| {
        let alarm = cloud.stack.alarms.get("TelemetryLagAlarm").context("no TelemetryLagAlarm")?;
        let in_state = async |state: &str| {
            eventually(&format!("the alarm in {state}"), PATIENCE, async || {
                measure(cloud).await?;
                Ok((cloud.aws.alarm_state(alarm).await? == state).then_some(()))
            })
            .await
        };
        let database = cloud.stack.database_url.clone();
        tokio::task::spawn_blocking(move || pipeline::make_telemetry_stale(&database, 900)).await??;
        in_state("ALARM").await?;
        said(&record, By::Threshold, "firing").await?;
        said(&record, By::Alarm, "firing").await?;
        let alert = only_alert(&record, SUBJECT).await?;
        ensure!(alert.severity == "HIGH", "the watch file says HIGH, the alert is {}", alert.severity);
        let seen = incidents(cloud, &alert, &[("HIGH", Status::Open)]).await?;
        ensure!(seen[0].triggers == 1, "PagerDuty was told again: {seen:?}");

        let database = cloud.stack.database_url.clone();
        tokio::task::spawn_blocking(move || pipeline::make_telemetry_fresh(&database)).await??;
        measure(cloud).await?;
        let recovered = said(&record, By::Threshold, "resolved").await?;
        if recovered.decision.as_deref() == Some("suppressed") {
            ensure!(recovered.suppressed_as("no-change"), "the alarm has not recovered yet: {recovered:?}");
            incidents(cloud, &alert, &[("HIGH", Status::Open)]).await?;
        }
        in_state("OK").await?;
        said(&record, By::Alarm, "resolved").await?;
        incidents(cloud, &alert, &[("HIGH", Status::Resolved)]).await?;
        ensure!(only_alert(&record, SUBJECT).await?.status == "resolved");
        Ok(())
    })
}

async fn measure(cloud: &Cloud) -> Result<()> {
    let answer = cloud.invoke("healthcheck", &json!({"checks": ["telemetry"]})).await?;
    ensure!(!answer.failed, "healthcheck failed: {}", answer.payload);
    Ok(())
}

/// Waits until a signal of a source has this status and is decided.
async fn said(record: &Record, by: By, status: &str) -> Result<Decided> {
    let what = format!("{status} by the {by:?}");
    let is_by = |source: &str| (source == "check:telemetry") == (by == By::Threshold);
    let found = eventually(&what, PATIENCE, async || {
        let signals = record.signals(SUBJECT).await?;
        let found = signals.into_iter().find(|one| is_by(&one.source) && one.status == status);
        Ok(found.filter(|one| one.decision.is_some()))
    });
    match found.await {
        Ok(found) => Ok(found),
        Err(error) => Err(error.context(format!("on record: {:?}", record.signals(SUBJECT).await?))),
    }
}
