//! The runbooks of a region that has failed, of a database that was restored, and of a cycle that has failed, as they are
//! written.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use acceptance::alarm::{Alarm, clock as time_of_alarms};
use acceptance::world::{PATIENCE, World, ask, decided, only_alert, publish as notify};
use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use localstack::cloud::Cloud;
use localstack::wait::eventually;
use serde_json::{Value, json};
use testkit::binaries::workspace;
use testkit::postgres::run_script;
use testkit::runpod::Job;
use tokio::task::spawn_blocking;

/// What the runbooks call `aws`, for `lambda invoke` alone: the emulator asks for no signature.
const AWS: &str = r#"#!/usr/bin/env python3
import os, sys, urllib.request
words = sys.argv[1:]
assert words[:2] == ["lambda", "invoke"], words
value = lambda name: words[words.index(name) + 1]
url = f"{os.environ['ENDPOINT']}/2015-03-31/functions/{value('--function-name')}/invocations"
asked = urllib.request.Request(url, data=value("--payload").encode(), method="POST")
open(words[-1], "wb").write(urllib.request.urlopen(asked).read())
"#;

#[test]
fn after_a_failover_every_cycle_is_made_anew_and_nothing_twice() -> Result<()> {
    World::shared().play_alone(async |cloud, record| {
        let cycles = last_cycles(clock(cloud).await?);
        for cycle in &cycles {
            publish(cloud, *cycle).await?;
        }
        // Files of this minute may still be written.
        poll(cloud, 2).await?;
        finish(cloud);
        poll(cloud, 4).await?;
        ensure!(record.runs("gfs", "complete").await? >= cycles.len(), "they were made once");
        let before = jobs(cloud, &cycles).len();
        ensure!(before == cycles.len(), "{before} jobs for {} cycles", cycles.len());

        let reset = std::fs::read_to_string(workspace().join("docs/runbooks/forecast-reset.sql"))?;
        record.say(&format!("set search_path to watchkeeper, public; {reset}")).await?;
        let said = runbook(cloud, "catch-up.sh", &[]).await?;
        ensure!(said.lines().filter(|line| line.starts_with("triggered gfs/")).count() == cycles.len(), "{said}");
        ensure!(said.ends_with("0 left\n"), "{said}");
        let again = runbook(cloud, "catch-up.sh", &["48", "3"]).await?;
        ensure!(again == "0 left\n", "{again}");
        let made = jobs(cloud, &cycles);
        ensure!(made.len() == 2 * cycles.len(), "{made:?}");
        let mut runs: Vec<String> = made.iter().map(|job| job.input["run_id"].to_string()).collect();
        runs.sort();
        runs.dedup();
        ensure!(runs.len() == made.len(), "what an old job still says is about no run of these");

        // One of them fails for a reason, and is tried again by the other runbook.
        let failing = made.last().context("a job")?;
        let [run] = [failing.input["run_id"].as_str().context("a run")?];
        record
            .say(&format!(
                "update watchkeeper.forecast_runs set status = 'failed', failure_reason = 'no accelerator' where run_id = '{run}'"
            ))
            .await?;
        let said = runbook(cloud, "retry-source.sh", &["gfs"]).await?;
        ensure!(said.lines().filter(|line| line.ends_with(" triggered")).count() == 1, "{said}");
        finish(cloud);
        poll(cloud, 6).await?;
        ensure!(record.runs("gfs", "triggered").await? + record.runs("gfs", "running").await? == 0);
        Ok(())
    })
}

#[test]
fn what_a_restored_database_held_to_be_told_yesterday_is_listed_in_one_digest_and_not_sent() -> Result<()> {
    World::shared().play_alone(async |cloud, record| {
        let (alarm, at) = (Alarm::on("Restored"), time_of_alarms());
        notify(cloud, &alarm.firing(at(0))).await?;
        decided(&record, &alarm.subject(), 1).await?;
        let alert = only_alert(&record, &alarm.subject()).await?;
        // What is on its way would be told after it was taken back.
        let sent =
            format!("select count(*) from watchkeeper.deliveries where alert_id = '{}' and status = 'sent'", alert.id);
        eventually("two deliveries", PATIENCE, async || Ok((record.value(&sent).await? == "2").then_some(()))).await?;
        // As it stood in a backup of seven hours ago. The functions of this cloud look at it all the time.
        record
            .say(&format!(
                "update watchkeeper.deliveries
                 set status = 'pending', sent_at = null, lease_until = null, lease_token = null,
                     created_at = now() - interval '7 hours', due_at = now() + interval '1 hour'
                 where alert_id = '{}'",
                alert.id
            ))
            .await?;
        let sent = cloud.receivers.received().len();
        let script = workspace().join("docs/runbooks/after-restore.sql");
        let said = run_script(&cloud.stack.database_url, &script, &[])?;
        ensure!(said.starts_with("2 deliveries are not sent any more"), "{said}");

        ask(cloud, &json!({"tick": "retry"})).await?;
        ask(cloud, &json!({"tick": "digest"})).await?;
        ask(cloud, &json!({"tick": "digest"})).await?;
        let told = cloud.receivers.received().split_off(sent);
        let about = |part: &str| told.iter().filter(|one| one.body.contains(part)).count();
        ensure!(about("restored: 2 deliveries were not sent") == 1 && about(&alert.id) == 1, "{told:?}");
        let why = ask(cloud, &json!({"explain": alert.id})).await?["why_nobody"].to_string();
        ensure!(why.contains("too old when the database was restored") && why.contains("kept back since"), "{why}");
        Ok(())
    })
}

/// The nominal times of the last day that are over for an hour, at least.
fn last_cycles(now: Timestamp) -> Vec<Timestamp> {
    let six_hours = 6 * 3_600;
    let over = now.as_second() - 3_600;
    let last = over - over.rem_euclid(six_hours);
    (0..3).filter_map(|n| Timestamp::from_second(last - n * six_hours).ok()).collect()
}

async fn publish(cloud: &Cloud, cycle: Timestamp) -> Result<()> {
    let bucket = cloud.stack.buckets.get("upstream").context("no bucket upstream")?;
    for hour in ["000", "003", "006"] {
        let key = cycle.strftime("gfs.%Y%m%d/%H/atmos/gfs.t%Hz.pgrb2.0p25.f").to_string();
        cloud.aws.put_object(bucket, &format!("{key}{hour}"), "GRIB").await?;
    }
    Ok(())
}

/// The clock that decides.
async fn clock(cloud: &Cloud) -> Result<Timestamp> {
    let answer = cloud.invoke("data-poller", &json!({"source": "gfs", "dry_run": true})).await?.payload;
    answer["now"].as_str().with_context(|| format!("no instant: {answer}"))?.parse().context("reading the instant")
}

/// A poll some minutes from now.
async fn poll(cloud: &Cloud, minutes: i64) -> Result<Value> {
    let now = clock(cloud).await? + SignedDuration::from_mins(minutes);
    let answer = cloud.invoke("data-poller", &json!({"source": "gfs", "now": now})).await?;
    ensure!(!answer.failed, "data-poller failed: {}", answer.payload);
    Ok(answer.payload)
}

/// Every job of the fake RunPod ends well.
fn finish(cloud: &Cloud) {
    for job in cloud.runpod.jobs() {
        cloud.runpod.begin(&job.id);
        cloud.runpod.complete(&job.id, Value::Null);
    }
}

fn jobs(cloud: &Cloud, cycles: &[Timestamp]) -> Vec<Job> {
    let of = |job: &Job| cycles.iter().any(|cycle| job.input["run_timestamp"] == cycle.to_string());
    cloud.runpod.jobs().into_iter().filter(of).collect()
}

/// Runs a runbook's script and answers what it prints.
async fn runbook(cloud: &Cloud, script: &str, arguments: &[&str]) -> Result<String> {
    let folder = tempfile::tempdir().context("a folder for the command")?;
    let aws = folder.path().join("aws");
    std::fs::write(&aws, AWS)?;
    std::fs::set_permissions(&aws, std::fs::Permissions::from_mode(0o755))?;
    let path = std::env::join_paths(
        [folder.path().to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )?;
    let function = cloud.stack.functions.get("data-poller").context("no data-poller")?.clone();
    let program: PathBuf = workspace().join("docs/runbooks").join(script);
    let mut command = Command::new(program);
    command.arg(function).args(arguments).env("PATH", path).env("ENDPOINT", &cloud.stack.aws_endpoint).env("WAIT", "1");
    let output = spawn_blocking(move || command.output()).await?.with_context(|| format!("running {script}"))?;
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{script}: {said}{complained}");
    Ok(said.into_owned())
}
