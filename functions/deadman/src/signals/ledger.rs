//! Reads what our own functions did from their ledger.

use std::time::Instant;

use domain::Timestamp;
use domain::heartbeat::{Beat, BeatKind, Reading};
use store::Connection;
use store::ledger::{Ended, Job, list_ends};

use super::evidence::{NO_STORE, seen, unknown};
use super::{Readings, Wanted, left};

/// Reads all with one statement: the last run of each that did its work, and what failed since.
pub(super) async fn read<'w>(
    store: Option<&Connection>,
    wanted: Vec<(Wanted<'w, '_>, Job<'w>)>,
    now: Timestamp,
    until: Instant,
) -> Readings<'w> {
    if wanted.is_empty() {
        return Readings::new();
    }
    let names = wanted.iter().map(|(wanted, _)| wanted.name());
    let Some(store) = store else { return unknown(names, NO_STORE) };
    let mut jobs: Vec<Job<'_>> = wanted.iter().map(|(_, job)| *job).collect();
    jobs.sort_unstable();
    jobs.dedup();
    let ended = match tokio::time::timeout(left(until), list_ends(&store.client, &jobs)).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(error)) => return unknown(names, &format!("{:#}", anyhow::Error::new(error))),
        Err(_) => return unknown(names, "Watchkeeper's own database did not answer in time"),
    };
    let reading = |job: Job<'_>| -> Reading {
        let runs = ended.iter().filter(|run| run.function == job.function && run.task.as_deref() == job.task);
        seen(runs.map(beat).collect(), None, "newest row in the ledger", now)
    };
    wanted.iter().map(|(wanted, job)| (wanted.name(), reading(*job))).collect()
}

/// A run that did its work in part has run.
fn beat(run: &Ended) -> Beat {
    let kind = if run.succeeded { BeatKind::Success } else { BeatKind::Fail };
    Beat { started_at: Some(run.started_at), note: run.error.clone(), ..Beat::found(kind, run.finished_at) }
}
