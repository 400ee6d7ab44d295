//! Upstream publishes a cycle file by file; its run is triggered once, when it is complete, and announced when it has ended.

use acceptance::world::World;
use anyhow::{Context, Result, ensure};
use localstack::cloud::Cloud;
use serde_json::{Value, json};
use testkit::runpod::Job;

/// No other timeline is of this day.
const CYCLE: &str = "gfs/2025030100";
const NOMINAL: &str = "2025-03-01T00:00:00Z";

#[test]
fn a_cycle_that_appears_file_by_file_is_processed_once_and_announced() -> Result<()> {
    World::shared().play(async |cloud, _| {
        publish(cloud, "000").await?;
        publish(cloud, "003").await?;
        let waiting = poll(cloud, "05:00").await?;
        ensure!(why(&waiting).is_some_and(|why| why.contains("f006")), "the missing file is named: {waiting}");
        publish(cloud, "006").await?;
        let settling = poll(cloud, "05:01").await?;
        ensure!(why(&settling).is_some_and(|why| why.contains("not settled")), "it may still be written: {settling}");
        let triggered = poll(cloud, "05:03").await?;
        ensure!(triggered["triggered"] == json!([CYCLE]), "{triggered}");
        let [job] = jobs(cloud).try_into().map_err(|jobs| anyhow::anyhow!("one job was expected: {jobs:?}"))?;
        ensure!(job.input["model"] == "medium" && job.input["attempt"] == 1, "{:?}", job.input);

        cloud.runpod.begin(&job.id);
        let under_way = poll(cloud, "05:08").await?;
        ensure!(why(&under_way).is_some_and(|why| why.contains("attempt 1 of 3")), "{under_way}");
        cloud.runpod.complete(&job.id, json!({"files": 3}));
        let done = poll(cloud, "05:13").await?;
        ensure!((&done["did"]["completed"], &done["did"]["announced"]) == (&json!(1), &json!(1)), "{done}");
        let again = poll(cloud, "05:18").await?;
        ensure!(again["triggered"] == json!([]) && again["did"].get("announced").is_none(), "{again}");
        ensure!(jobs(cloud).len() == 1);
        Ok(())
    })
}

async fn publish(cloud: &Cloud, hour: &str) -> Result<()> {
    let bucket = cloud.stack.buckets.get("upstream").context("no bucket upstream")?;
    cloud.aws.put_object(bucket, &format!("gfs.20250301/00/atmos/gfs.t00z.pgrb2.0p25.f{hour}"), "GRIB").await
}

async fn poll(cloud: &Cloud, time: &str) -> Result<Value> {
    let payload = json!({"source": "gfs", "now": format!("2025-03-01T{time}:00Z")});
    let answer = cloud.invoke("data-poller", &payload).await?;
    ensure!(!answer.failed, "data-poller refused {payload}: {}", answer.payload);
    Ok(answer.payload)
}

/// Why nothing was done about the cycle.
fn why(answer: &Value) -> Option<&str> {
    let skipped = answer["skipped"].as_array()?;
    skipped.iter().find(|one| one["name"] == CYCLE)?["reason"].as_str()
}

fn jobs(cloud: &Cloud) -> Vec<Job> {
    cloud.runpod.jobs().into_iter().filter(|job| job.input["run_timestamp"] == NOMINAL).collect()
}
