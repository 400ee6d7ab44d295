//! Memory in a long storm: it must not grow with how much there was.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::traffic::{Storm, Traffic};
use super::{ALERTMANAGER, Field, figure, per_second, record};
use crate::memory::{self, Memory};
use crate::table::Row;

/// The largest batch that the queue is set up to hand over.
const BATCH: usize = 1_000;
/// After so many batches the record is tidied, as autovacuum would.
const TIDY: usize = 100;

/// The row of a storm's memory: so many `signals` in batches.
pub(super) async fn measure(field: &Field<'_>, traffic: Traffic, signals: usize) -> anyhow::Result<Row> {
    let mut storm = Storm::of(traffic);
    let sandbox = field.sandbox(&mut storm).await?;
    let memory = || memory::of(sandbox.pid().context("the router has ended")?);
    let batches = (signals / BATCH).max(10);
    let (mut early, mut took, mut last_tenth) = (None, Duration::ZERO, Duration::ZERO);
    for n in 0..batches {
        if n == batches / 10 {
            early = Some(memory()?);
        }
        let batch = storm.batch(BATCH);
        let one = record(&sandbox, &batch.event).await?;
        took += one;
        if n >= batches - batches / 10 {
            last_tenth += one;
        }
        if let Some(alertmanager) = &field.alertmanager {
            alertmanager.take(&batch.alerts).await?;
        }
        if n % TIDY == TIDY - 1 {
            field.floor.tidy().await?;
        }
    }
    let (early, late): (Memory, Memory) = (early.context("there was nothing to do")?, memory()?);
    let (recorded, _) = field.floor.recorded().await?;
    let expected = storm.said();
    ensure!(usize::try_from(recorded).ok() == Some(expected), "{recorded} of {expected} signals are on record");
    let what = traffic.words();
    let what = format!("alert-router: peak memory, {expected} signals in batches of {BATCH}, {what}");
    let row = Row::new(what, late.peak, "MiB");
    let row = row.budget(128.0).note(format!(
        "resident {:.1} after a tenth, {:.1} after all; {} signals/s, {} over the last tenth",
        early.resident,
        late.resident,
        figure(per_second(batches * BATCH, took)),
        figure(per_second(batches / 10 * BATCH, last_tenth))
    ));
    Ok(match &field.alertmanager {
        Some(alertmanager) => row.peer(ALERTMANAGER, alertmanager.memory()?.peak),
        None => row,
    })
}
