//! Reads how far data-poller has come with the cycles of upstream products.

use std::time::Instant;

use config::WatchFile;
use domain::Timestamp;
use domain::heartbeat::{Beat, BeatKind, Reading};
use domain::upstream::RunStatus;
use store::Connection;
use store::cycles::{Cycle, list};

use super::evidence::{NO_STORE, seen, unknown};
use super::{Readings, Wanted, left};

/// What is said of more cycles than these at once would tell nobody anything.
const MOST_TOLD: usize = 3;

/// Reads all with one statement: the cycles that are awaited, and the newest that is complete.
pub(super) async fn read<'w>(
    store: Option<&Connection>,
    watch_file: &WatchFile,
    wanted: Vec<(Wanted<'w, '_>, &'w str)>,
    now: Timestamp,
    until: Instant,
) -> Readings<'w> {
    if wanted.is_empty() {
        return Readings::new();
    }
    let names = wanted.iter().map(|(wanted, _)| wanted.name());
    let Some(store) = store else { return unknown(names, NO_STORE) };
    // Of each source at least one, so that its newest complete cycle is read before any is awaited.
    let pairs: Vec<(&str, Timestamp)> = wanted
        .iter()
        .flat_map(|(wanted, source)| wanted.slots.iter().map(|slot| slot.at).chain([now]).map(|at| (*source, at)))
        .collect();
    let cycles = match tokio::time::timeout(left(until), list(&store.client, &pairs)).await {
        Ok(Ok(cycles)) => cycles,
        Ok(Err(error)) => return unknown(names, &format!("{:#}", anyhow::Error::new(error))),
        Err(_) => return unknown(names, "Watchkeeper's own database did not answer in time"),
    };
    let attempts = |source: &str| watch_file.source(source).map(|source| source.rules.attempts);
    wanted
        .iter()
        .map(|(wanted, source)| (wanted.name(), reading(*wanted, source, attempts(source), &cycles, now)))
        .collect()
}

fn reading(wanted: Wanted<'_, '_>, source: &str, attempts: Option<u32>, cycles: &[Cycle], now: Timestamp) -> Reading {
    let of_source: Vec<&Cycle> = cycles.iter().filter(|cycle| cycle.source == source).collect();
    let beats = of_source.iter().filter_map(|cycle| beat(cycle)).collect();
    let open = |cycle: &&&Cycle| {
        wanted.slots.iter().any(|slot| slot.at == cycle.run_timestamp && !slot.settled && slot.at <= now)
    };
    let told: Vec<(Timestamp, String)> = of_source
        .iter()
        .filter(open)
        .filter_map(|cycle| Some((cycle.run_timestamp, words(cycle, attempts)?)))
        .collect();
    let note = match told.as_slice() {
        [] => None,
        [(_, text)] => Some(format!("poller: {text}")),
        several => {
            let several = several.iter().rev().take(MOST_TOLD).rev();
            let texts: Vec<String> = several.map(|(slot, text)| format!("{} {text}", slot.strftime("%H:%M"))).collect();
            Some(format!("poller: {}", texts.join("; ")))
        }
    };
    seen(beats, note, "newest cycle", now)
}

/// What a cycle's run tells. What was deleted was made once, and is awaited by nobody.
fn beat(cycle: &Cycle) -> Option<Beat> {
    let (kind, at) = match cycle.status {
        RunStatus::Triggered | RunStatus::Running => (BeatKind::Start, cycle.triggered_at?),
        RunStatus::Complete => (BeatKind::Success, cycle.finished_at.or(cycle.triggered_at)?),
        RunStatus::Failed => (BeatKind::Fail, cycle.finished_at.or(cycle.triggered_at).unwrap_or(cycle.run_timestamp)),
        RunStatus::Due | RunStatus::Late | RunStatus::Held | RunStatus::Deleted => return None,
    };
    let started_at = cycle.triggered_at.filter(|started| *started <= at);
    let run = Some(cycle.run_id.clone());
    let note = cycle.failure_reason.clone().filter(|_| kind == BeatKind::Fail);
    Some(Beat { run, started_at, slot: Some(cycle.run_timestamp), note, ..Beat::found(kind, at) })
}

/// What the poller does about a cycle that is awaited; `of` is how many attempts it has.
fn words(cycle: &Cycle, of: Option<u32>) -> Option<String> {
    let attempt = cycle.retry_count.saturating_add(1);
    let attempt = of.map_or_else(|| format!("attempt {attempt}"), |of| format!("attempt {attempt} of {of}"));
    let why = cycle.failure_reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    Some(match cycle.status {
        RunStatus::Complete | RunStatus::Deleted => return None,
        RunStatus::Due => match cycle.retry_at {
            Some(at) => format!("{attempt} failed, the next comes at {}{why}", at.strftime("%H:%M")),
            None => "waits for upstream".to_owned(),
        },
        RunStatus::Late => "upstream is late".to_owned(),
        RunStatus::Held => "is held back".to_owned(),
        RunStatus::Triggered | RunStatus::Running => match cycle.triggered_at {
            Some(at) => format!("{attempt} since {}", at.strftime("%H:%M")),
            None => attempt,
        },
        RunStatus::Failed => format!("{attempt} failed{why}"),
    })
}
