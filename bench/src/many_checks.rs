//! Healthcheck with 500 checks, warm, beside the floor: the bare queries one after another over one connection, and one
//! PutMetricData for every thousand values. They take turns in the same run.

use std::fmt::Write;
use std::time::Instant;

use anyhow::{Context, ensure};
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum};
use serde_json::json;
use tokio_postgres::{Client, NoTls};

use crate::stats::Samples;
use crate::table::Row;
use crate::world::{Subject, World};

/// How many checks the budget is for.
const CHECKS: usize = 500;
/// Pairs of a run and a floor.
const ROUNDS: usize = 30;
/// Pairs that go by before the first is measured.
const WARM_UP: usize = 3;
/// How much slower than the floor it may be.
const BUDGET: f64 = 1.5;

/// The pipeline that is asked: as many lanes as there are checks, with 400 rows each.
const PIPELINE: &str = "
    create table bars (lane integer not null, ts timestamptz not null, volume bigint not null);
    insert into bars
    select lane, now() - make_interval(secs => n), n
    from generate_series(1, 500) as lane, generate_series(1, 400) as n;
    create index bars_by_lane on bars (lane, ts);
    analyze bars;";

/// One check's statement: two figures over the last five minutes of a lane.
fn statement(lane: usize) -> String {
    format!(
        "select extract(epoch from now() - max(ts)) as lag, count(*) as bars \
         from bars where lane = {lane} and ts > now() - interval '5 minutes'"
    )
}

/// The rows of the table.
pub(crate) async fn measure(world: &World, healthcheck: &Subject) -> anyhow::Result<Vec<Row>> {
    let (database, connection) = tokio_postgres::connect(&world.database_url, NoTls).await?;
    let driving = tokio::spawn(connection);
    database.batch_execute(PIPELINE).await.context("making the pipeline")?;
    let sandbox = world.sandbox_watching(healthcheck, &watch_file()).await?;
    let (mut times, mut floors) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP + ROUNDS {
        let began = Instant::now();
        let answer = sandbox.invoke(&json!({})).await?.answered().with_context(|| sandbox.output())?;
        let time = began.elapsed();
        ensure!(answer["did"]["measured"] == json!(2 * CHECKS), "not everything was measured: {answer}");
        ensure!(answer["failed"] == json!([]), "something failed: {answer}");
        let began = Instant::now();
        floor(world, &database).await?;
        let floor = began.elapsed();
        if round >= WARM_UP {
            times.push(time.as_secs_f64() * 1_000.0);
            floors.push(floor.as_secs_f64() * 1_000.0);
        }
    }
    driving.abort();
    let (times, floors) = (Samples::new(times), Samples::new(floors));
    let what = format!("healthcheck: {CHECKS} checks, {} metrics, half of them with a threshold", 2 * CHECKS);
    Ok(vec![
        Row::new(what, times.median(), "ms")
            .note(format!("p90 {:.0}, {ROUNDS} runs", times.percentile(90)))
            .peer("bare queries + PutMetricData", floors.median())
            .at_most_times_the_peer(BUDGET),
    ])
}

/// What no healthcheck can do without.
async fn floor(world: &World, database: &Client) -> anyhow::Result<()> {
    let mut data = Vec::with_capacity(2 * CHECKS);
    for lane in 1..=CHECKS {
        let rows = database.query_typed(&statement(lane), &[]).await?;
        let row = rows.first().context("the query answered no row")?;
        let bars: i64 = row.try_get("bars")?;
        for name in ["Lag", "Bars"] {
            data.push(
                MetricDatum::builder()
                    .metric_name(format!("{name}{lane}"))
                    .dimensions(Dimension::builder().name("Environment").value("floor").build())
                    .value(bars as f64)
                    .build(),
            );
        }
    }
    for thousand in data.chunks(1_000) {
        let call = world.cloudwatch().put_metric_data().namespace("Floor").set_metric_data(Some(thousand.to_vec()));
        call.send().await.context("publishing the floor")?;
    }
    Ok(())
}

fn watch_file() -> String {
    let mut text = "namespace = \"Bench\"\n[database.pipeline]\nurl = \"ssm:database/pipeline_url\"\n".to_owned();
    for lane in 1..=CHECKS {
        let sql = statement(lane);
        // Writing into a String cannot fail.
        let _ = write!(
            text,
            "[check.lane-{lane}]\ndatabase = \"pipeline\"\nsql = \"{sql}\"\n\
             [check.lane-{lane}.metric.lag]\nname = \"Lag{lane}\"\nunit = \"Seconds\"\nabove = 1e9\nseverity = \"HIGH\"\n\
             [check.lane-{lane}.metric.bars]\nname = \"Bars{lane}\"\nunit = \"Count\"\n"
        );
    }
    text + "[receiver.team]\nsns = { topic = \"pages\" }\n[routes]\ndefault = [\"team\"]\n"
}
