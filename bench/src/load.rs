//! The memory a function holds after work: it must not grow with how much there was.

use anyhow::Context;
use serde_json::{Value, json};
use testkit::runtime_api::Sandbox;

use crate::alerts::{BATCH, enqueue};
use crate::memory;
use crate::table::Row;
use crate::world::{Subject, World};

/// Alerts for the router, in full batches.
const ALERTS: usize = 1_000;
/// Complete runs of a function that is started by the clock.
const RUNS: usize = 200;

/// The row of one function, or none where a sandbox works once.
pub(crate) async fn measure(world: &World, subject: &Subject) -> anyhow::Result<Option<Row>> {
    let (events, what) = match subject.function {
        "alert-router" => {
            let messages = enqueue(world, "load", ALERTS).await?;
            let events = messages.chunks(BATCH).map(|batch| json!({"Records": batch})).collect();
            (events, format!("{ALERTS} alerts in batches of {BATCH}"))
        }
        "healthcheck" => (vec![json!({}); RUNS], format!("{RUNS} runs")),
        _ => return Ok(None),
    };
    let sandbox = world.sandbox(subject).await?;
    let (early, late) = work(&sandbox, &events).await?;
    let row = Row::new(format!("{}: peak memory, {what}", subject.function), late.peak, "MiB").budget(128.0);
    Ok(Some(row.note(format!("resident {:.1} after a tenth, {:.1} after all", early.resident, late.resident))))
}

/// Invokes with each event; memory after a tenth of them and after all.
async fn work(sandbox: &Sandbox, events: &[Value]) -> anyhow::Result<(memory::Memory, memory::Memory)> {
    let tenth = events.len() / 10;
    let mut early = None;
    for (n, event) in events.iter().enumerate() {
        if n == tenth {
            early = Some(of(sandbox)?);
        }
        sandbox.invoke(event).await?.answered().with_context(|| sandbox.output())?;
    }
    Ok((early.context("there was nothing to do")?, of(sandbox)?))
}

fn of(sandbox: &Sandbox) -> anyhow::Result<memory::Memory> {
    memory::of(sandbox.pid().context("the function has ended")?)
}
