//! data-poller: what planning many cycles takes, what a poll over several sources takes when nothing is new, and when cycles
//! are looked at; and how much memory it takes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;
use std::time::Instant;

use anyhow::{Context, ensure};
use domain::upstream::plan::Situation;
use domain::upstream::{Request, Run, RunStatus, Source, cycles, plan};
use serde_json::{Value, json};
use testkit::runtime_api::Sandbox;

use crate::memory;
use crate::stats::Samples;
use crate::table::Row;
use crate::world::{Subject, World};

/// Sources of the poll.
const SOURCES: usize = 5;
/// Cycles of the backfill that is planned, and the budget for that in milliseconds.
const CYCLES: (usize, f64) = (10_000, 200.0);
/// Measured runs.
const ROUNDS: usize = 20;
/// In MiB.
const MEMORY: f64 = 128.0;
/// The instant of everything.
const NOW: &str = "2026-11-22T12:00:00Z";

/// The rows of the table.
pub(crate) async fn measure(world: &World, poller: &Subject) -> anyhow::Result<Vec<Row>> {
    let mut rows = vec![planning()?];
    world.create_bucket("bench-upstream").await?;
    world.forget_runs().await?;
    let text = watch_file();
    let sandbox = world.sandbox_watching(poller, &text).await?;
    poll(&sandbox, &json!({ "now": NOW })).await?;
    let mut quiet = Vec::with_capacity(ROUNDS);
    let mut listings = 0;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let answer = poll(&sandbox, &json!({ "now": NOW })).await?;
        quiet.push(began.elapsed().as_secs_f64() * 1_000.0);
        listings = answer["did"]["listings"].as_u64().unwrap_or_default();
    }
    let quiet = Samples::new(quiet);
    rows.push(Row::new(format!("data-poller: a poll over {SOURCES} sources"), quiet.median(), "ms").note(format!(
        "p90 {:.0}, {ROUNDS} runs; {listings} listings of cycles that are awaited",
        quiet.percentile(90)
    )));

    world.forget_runs().await?;
    world.complete_runs("s0", NOW, CYCLES.0).await?;
    let hours = CYCLES.0 / 6;
    let mut backfills = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let backfill = json!({ "now": NOW, "source": "s0", "backfill_hours": hours, "limit": 10 });
        let answer = poll(&sandbox, &backfill).await?;
        backfills.push(began.elapsed().as_secs_f64() * 1_000.0);
        let looked_at = answer["looked_at"]["cycles"].as_u64().unwrap_or_default();
        ensure!(looked_at as usize >= hours * 6, "not every cycle was planned: {looked_at}");
    }
    let backfills = Samples::new(backfills);
    rows.push(
        Row::new(
            format!("data-poller: a backfill over {} cycles that are complete", CYCLES.0),
            backfills.median(),
            "ms",
        )
        .note(format!(
            "p90 {:.0}; reading all rows and naming each cycle in the answer are part of it",
            backfills.percentile(90)
        )),
    );
    let peak = memory::of(sandbox.pid().context("the function has ended")?)?.peak;
    rows.push(Row::new("data-poller: peak memory of all that", peak, "MiB").budget(MEMORY));
    Ok(rows)
}

/// The rules alone.
fn planning() -> anyhow::Result<Row> {
    let environment = config::Environment::parse("local").context("an environment")?;
    let watch_file = config::WatchFile::parse(&watch_file(), "bench.toml", &environment).context("the watch file")?;
    let sources: Vec<Source> = watch_file.sources.into_iter().map(|source| source.rules).take(1).collect();
    let source = sources.first().context("a source")?;
    let now: jiff::Timestamp = NOW.parse().context("an instant")?;
    let hours = i64::try_from(CYCLES.0 / 6)?;
    let request = Request::read(None, false, Some(hours), Some(10), &sources).context("a request")?;
    let from = request.from(source, now);
    let runs: Vec<Run> = cycles::expected(&source.name, &source.schedule, from, now)
        .context("the cycles")?
        .into_iter()
        .map(|at| Run { status: RunStatus::Complete, attempts: 1, ..Run::new(&source.name, at) })
        .collect();
    let (held, found, triggered) = (BTreeMap::new(), HashMap::new(), HashSet::new());
    let mut took = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let situation = Situation {
            sources: &sources,
            runs: &runs,
            held: &held,
            found: &found,
            triggered: &triggered,
            looks: 500,
            request: &request,
            now,
        };
        let began = Instant::now();
        let planned = plan(&situation).context("a plan")?;
        took.push(began.elapsed().as_secs_f64() * 1_000.0);
        ensure!(planned.cycles.len() >= runs.len(), "not every cycle was planned");
    }
    let took = Samples::new(took);
    let row = Row::new(format!("data-poller: planning {} cycles", runs.len()), took.median(), "ms").budget(CYCLES.1);
    Ok(row.note(format!("p90 {:.1}, the rules alone", took.percentile(90))))
}

async fn poll(sandbox: &Sandbox, payload: &Value) -> anyhow::Result<Value> {
    let answer = sandbox.invoke(payload).await?.answered().with_context(|| sandbox.output())?;
    ensure!(answer["failed"] == json!([]), "not everything was done: {answer}");
    Ok(answer)
}

/// Sources with a cycle every ten minutes, of which upstream has published nothing yet today.
fn watch_file() -> String {
    let mut text = "namespace = \"Bench\"\n".to_owned();
    for n in 0..SOURCES {
        // Writing into a String cannot fail.
        let _ = write!(
            text,
            "[source.s{n}]\nforecast_type = \"s{n}\"\nevery = \"10m\"\nexpected_after = \"5m\"\nlate_after = \"20m\"\n\
             look_back = \"1h\"\nmax_runtime = \"20m\"\nupstream.s3 = {{ buckets = [\"bench-upstream\"] }}\n\
             complete.keys = [\"s{n}/{{yyyymmdd}}{{hh}}{{min}}/f{{00..06..1}}\"]\ntrigger.sqs = {{ queue = \"bench-jobs\" }}\n"
        );
    }
    text + "[receiver.team]\nsns = { topic = \"pages\" }\n[routes]\ndefault = [\"team\"]\n"
}
