//! deadman with thousands of heartbeats of mixed kinds, warm: what an evaluation takes when nothing happens, and when some
//! fall silent; and how much memory it takes.

use std::fmt::Write;
use std::time::Instant;

use anyhow::{Context, ensure};
use aws_sdk_cloudwatch::types::MetricDatum;
use serde_json::{Value, json};
use testkit::runtime_api::Sandbox;

use crate::memory;
use crate::stats::Samples;
use crate::table::Row;
use crate::world::{Subject, World};

/// How many heartbeats the budget is for, in milliseconds; and how many show that it grows with them.
const SIZES: [(usize, Option<f64>); 2] = [(10_000, Some(250.0)), (100_000, None)];
/// One in so many falls silent after an hour.
const SILENT: usize = 100;
/// Evaluations that are measured.
const ROUNDS: usize = 20;
/// In MiB, with as many heartbeats as there is a budget for.
const MEMORY: f64 = 128.0;
/// When the measurement's day begins.
const BEGINS: &str = "2026-11-22T00:00:00Z";

/// The rows of the table.
pub(crate) async fn measure(world: &World, deadman: &Subject) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (count, budget) in SIZES {
        rows.extend(measure_one(world, deadman, count, budget).await?);
    }
    Ok(rows)
}

async fn measure_one(world: &World, deadman: &Subject, count: usize, budget: Option<f64>) -> anyhow::Result<Vec<Row>> {
    // Each size begins with an empty record; what the one before left would be taken out of it first.
    world.forget_heartbeats().await?;
    let sandbox = world.sandbox_watching(deadman, &watch_file(count)).await?;
    let began = Instant::now();
    let first = evaluate(&sandbox, 0).await?;
    let loading = began.elapsed().as_secs_f64() * 1_000.0;
    ensure!(first["looked_at"]["heartbeats"] == json!(count), "not all were looked at: {first}");
    let mut quiet = Vec::with_capacity(ROUNDS);
    for minute in 1..=ROUNDS {
        let began = Instant::now();
        let answer = evaluate(&sandbox, minute).await?;
        quiet.push(began.elapsed().as_secs_f64() * 1_000.0);
        ensure!(answer["did"]["transitions"] == json!(0), "something happened: {answer}");
    }
    let calls = aws_calls(world).await?;
    let began = Instant::now();
    let silent = evaluate(&sandbox, 70).await?;
    let falling = began.elapsed().as_secs_f64() * 1_000.0;
    ensure!(silent["did"]["transitions"] == json!(count / SILENT), "not one in {SILENT} fell silent: {silent}");
    let peak = memory::of(sandbox.pid().context("the function has ended")?)?.peak;

    let (quiet, memory) =
        (Samples::new(quiet), Row::new(format!("deadman: peak memory, {count} heartbeats"), peak, "MiB"));
    let mut evaluation = Row::new(
        format!("deadman: an evaluation of {count} heartbeats, beyond the AWS calls"),
        quiet.median() - calls,
        "ms",
    )
    .note(format!(
        "with them {:.0}, p90 {:.0}, {ROUNDS} runs; the first one, which writes all of them, {loading:.0}",
        quiet.median(),
        quiet.percentile(90)
    ));
    let memory = if budget.is_some() { memory.budget(MEMORY) } else { memory };
    if let Some(budget) = budget {
        evaluation = evaluation.budget(budget);
    }
    Ok(vec![
        evaluation,
        Row::new(
            format!("deadman: the same when {} of {count} fall silent and are raised", count / SILENT),
            falling,
            "ms",
        ),
        memory,
    ])
}

/// What the two PutMetricData of an evaluation take by themselves: the measurements, and the heartbeat.
async fn aws_calls(world: &World) -> anyhow::Result<f64> {
    let cloudwatch = world.cloudwatch();
    let datum = || MetricDatum::builder().metric_name("Bare").value(1.0).build();
    let mut took = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for data in [vec![datum(), datum()], vec![datum()]] {
            let call = cloudwatch.put_metric_data().namespace("Bench").set_metric_data(Some(data));
            call.send().await.context("sending bare data")?;
        }
        took.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(Samples::new(took).median())
}

async fn evaluate(sandbox: &Sandbox, minute: usize) -> anyhow::Result<Value> {
    let begins: jiff::Timestamp = BEGINS.parse().context("an instant")?;
    let now = begins + jiff::SignedDuration::from_mins(i64::try_from(minute)?);
    let answer = sandbox.invoke(&json!({ "now": now })).await?.answered().with_context(|| sandbox.output())?;
    ensure!(answer["failed"] == json!([]) && answer["skipped"] == json!([]), "not everything was done: {answer}");
    Ok(answer)
}

/// Six in ten tell by themselves, two in ten have a schedule, one in ten is a ledger's and one in ten a metric's, which is
/// read once and then no more often than every other hour.
fn watch_file(count: usize) -> String {
    let mut text = "namespace = \"Bench\"\n".to_owned();
    for n in 0..count {
        let (signal, schedule) = match n % 10 {
            _ if n % SILENT == 0 => ("{ ping = true }".to_owned(), "every = \"1h\""),
            1 | 2 => ("{ ping = true }".to_owned(), "schedule = \"30 2 * * *\"\ntimezone = \"Europe/Berlin\""),
            3 => ("{ ledger = \"healthcheck\" }".to_owned(), "every = \"1d\""),
            4 => (format!("{{ metric = \"Orders{n}\" }}"), "every = \"1d\""),
            _ => ("{ ping = true }".to_owned(), "every = \"1d\""),
        };
        // Writing into a String cannot fail.
        let _ = write!(text, "[heartbeat.h{n}]\nsignal = {signal}\n{schedule}\ngrace = \"10m\"\n");
    }
    text + "[receiver.team]\nsns = { topic = \"pages\" }\n[routes]\ndefault = [\"team\"]\n"
}
