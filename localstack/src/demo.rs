//! The short story `cargo demo` tells: telemetry goes stale, one person is paged once, and hears when it is over.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use testkit::pagerduty::{Incident, Status};

use crate::{
    cloud::Cloud,
    pipeline,
    progress::Progress,
    record::{Alert, Record},
    wait::eventually,
};

/// What the first check measures, and what its alerts are about.
const METRIC: &str = "TelemetryLag";
const SUBJECT: &str = "OPsPipeline/TelemetryLag";

/// How old the demo makes the telemetry: well over the threshold of 180 s.
const STALE_SECONDS: u32 = 600;

/// How often the same alarm notification comes again.
const REPEATS: usize = 9;

/// A notification passes SNS, SQS, the router and PagerDuty in about two seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was seen, for the last lines.
struct Seen {
    lag: f64,
    alert: Alert,
    incident: Incident,
    suppressed: usize,
}

/// Plays it, and prints what was seen.
///
/// # Errors
/// When something that should be seen is not; the functions' logs have been shown by then.
pub async fn play(cloud: &Cloud, progress: Progress) -> Result<()> {
    match story(cloud, progress).await {
        Ok(seen) => {
            conclude(&seen, cloud.deployed_since.elapsed());
            Ok(())
        }
        Err(error) => {
            for function in ["healthcheck", "alert-router"] {
                show_log(cloud, function).await;
            }
            Err(error)
        }
    }
}

async fn story(cloud: &Cloud, progress: Progress) -> Result<Seen> {
    let database = cloud.stack.database_url.clone();
    let record = Record::open(&database).await?;
    let alarm = cloud.stack.alarms.get("TelemetryLagAlarm").context("template.yaml has no TelemetryLagAlarm")?;

    let lag = measure(cloud).await?;
    progress.say(format!("healthcheck: {METRIC} = {lag:.0} s; all is well"));
    expect_state(cloud, alarm, "OK").await?;

    change(&database, |url| pipeline::make_telemetry_stale(url, STALE_SECONDS)).await?;
    progress.say(format!("the collector stops: the newest telemetry row is now {STALE_SECONDS} s old"));
    let lag = measure(cloud).await?;
    expect_state(cloud, alarm, "ALARM").await?;
    progress.say(format!("healthcheck: {METRIC} = {lag:.0} s; the alarm {alarm} goes to ALARM"));

    let incident = eventually("a PagerDuty incident", PATIENCE, async || Ok(cloud.receivers.incidents().pop())).await?;
    let alert = record.alerts(SUBJECT).await?.pop().context("an incident without an alert on record")?;
    progress.say(format!("SNS → SQS → alert-router: alert {} opens, and pages", alert.id));
    progress.say(format!("PagerDuty: \"{}\"", incident.summary));

    repeat(cloud, &record.last_body(SUBJECT).await?).await?;
    progress.say(format!("the same notification comes {REPEATS} times more"));
    let suppressed = eventually("the repeats on record", PATIENCE, async || {
        let signals = record.signals(SUBJECT).await?;
        let count = signals.iter().filter(|signal| signal.suppressed_as("duplicate")).count();
        Ok((count >= REPEATS).then_some(count))
    })
    .await?;
    let opened = cloud.receivers.incidents();
    ensure!(opened.len() == 1 && opened.iter().all(|one| one.triggers == 1), "somebody was paged again: {opened:?}");
    progress.say(format!("{suppressed} signals suppressed, reason on record: duplicate; nobody is paged again"));

    change(&database, pipeline::make_telemetry_fresh).await?;
    progress.say("the collector works again; the alarm looks back over 10 s");
    eventually("the alarm going back to OK", PATIENCE, async || {
        measure(cloud).await?;
        Ok((cloud.aws.alarm_state(alarm).await? == "OK").then_some(()))
    })
    .await?;
    progress.say(format!("the alarm {alarm} goes back to OK"));

    let incident = eventually("the incident's end", PATIENCE, async || {
        let same = cloud.receivers.incidents().into_iter().find(|one| one.dedup_key == incident.dedup_key);
        Ok(same.filter(|one| one.status == Status::Resolved))
    })
    .await?;
    let alert = record.alerts(SUBJECT).await?.pop().context("the alert is gone from the record")?;
    ensure!(alert.status == "resolved", "the incident is over but alert {} is {}", alert.id, alert.status);
    let incidents = cloud.receivers.incidents();
    ensure!(incidents.len() == 1, "one incident was expected, PagerDuty has {incidents:?}");
    let events = cloud.receivers.received_by("pagerduty");
    let resolves = events.iter().filter(|event| event.json["event_action"] == "resolve").count();
    ensure!(resolves == 1, "one resolve was expected, PagerDuty got {resolves}");
    Ok(Seen { lag, alert, incident, suppressed })
}

/// Runs the checks; the lag they found.
async fn measure(cloud: &Cloud) -> Result<f64> {
    let answer = cloud.invoke("healthcheck", &json!({})).await?;
    if answer.failed {
        bail!("healthcheck failed: {}", answer.payload);
    }
    answer.payload["metrics"][METRIC]
        .as_f64()
        .with_context(|| format!("healthcheck did not measure {METRIC}: {}", answer.payload))
}

async fn expect_state(cloud: &Cloud, alarm: &str, state: &str) -> Result<()> {
    eventually(&format!("the alarm in {state}"), PATIENCE, async || {
        Ok((cloud.aws.alarm_state(alarm).await? == state).then_some(()))
    })
    .await
}

/// Publishes what the alarm published, as often as a nervous sender might.
async fn repeat(cloud: &Cloud, body: &str) -> Result<()> {
    let envelope: Value = serde_json::from_str(body).context("reading the recorded notification")?;
    let message = envelope["Message"].as_str().unwrap_or(body);
    let topic = cloud.stack.topics.get("alarms").context("template.yaml has no AlarmsTopic")?;
    for _ in 0..REPEATS {
        cloud.aws.publish(topic, message).await?;
    }
    Ok(())
}

/// Blocking work of the pipeline, off the async threads.
async fn change(database: &str, work: impl FnOnce(&str) -> Result<()> + Send + 'static) -> Result<()> {
    let database = database.to_owned();
    tokio::task::spawn_blocking(move || work(&database)).await.context("changing the example pipeline")?
}

/// `lasted` counts from the deployment on: how long a machine compiles and installs before is not the story's.
fn conclude(seen: &Seen, lasted: Duration) {
    println!();
    println!("What was seen, in {:.0} s from the deployment on:", lasted.as_secs_f64());
    println!("  metric       {SUBJECT} = {:.0} s (threshold 180)", seen.lag);
    println!("  alarm        OK → ALARM → OK");
    println!("  alert        {} ({}, {})", seen.alert.id, seen.alert.severity, seen.alert.status);
    println!("  PagerDuty    1 new incident, key {}", seen.incident.dedup_key);
    println!("  suppressed   {} signals, reason duplicate", seen.suppressed);
    println!("  recovery     1 resolve, the incident is {:?}", seen.incident.status);
}

async fn show_log(cloud: &Cloud, function: &str) {
    eprintln!("--- the end of the log of {function}:");
    match cloud.aws.log_lines(&cloud.stack.log_group(function)).await {
        Ok(lines) => {
            lines.iter().skip(lines.len().saturating_sub(20)).for_each(|line| eprintln!("{}", line.trim_end()));
        }
        Err(error) => eprintln!("{error:#}"),
    }
}
