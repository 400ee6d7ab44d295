//! Reads the signals of heartbeats. What cannot be read is unknown by its name and keeps nothing else from being read.

mod columns;
mod cycles;
mod database;
mod evidence;
mod ledger;
mod metric;
mod runs;
mod s3;
mod sql;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use config::watch_file::{Heartbeat, HeartbeatSignal};
use config::{Secrets, WatchFile};
use domain::Timestamp;
use domain::heartbeat::{Reading, Slot, State, looking};
use domain::retention::Task;
use futures::future::join5;
use jiff::SignedDuration;
use runtime::Deadline;
use store::Connection;
use store::ledger::Job;
use watched::Functions;

use database::Asks;

/// The longest that reading may take, so that an evaluation ends before the next one begins.
const LONGEST: Duration = Duration::from_secs(15);
/// What is left to decide, to record, to tell and to answer when reading has to stop.
const DECIDING: Duration = Duration::from_secs(5);

/// What signals are read with, apart from our own database. Nothing is made before it is needed.
#[derive(Debug)]
pub(crate) struct Readers {
    functions: Functions,
    metrics: metric::Metrics,
    buckets: s3::Buckets,
    refused: AtomicBool,
}

impl Readers {
    /// Readers of this account and region.
    pub(crate) fn new(sdk: &SdkConfig) -> Self {
        Self {
            functions: Functions::new(sdk),
            metrics: metric::Metrics::new(sdk),
            buckets: s3::Buckets::new(sdk),
            refused: AtomicBool::new(false),
        }
    }

    /// Whether a database has refused its secret, or was not where that says, since this was last asked: it may have been
    /// changed meanwhile.
    pub(crate) fn take_refused(&self) -> bool {
        self.refused.swap(false, Ordering::Relaxed)
    }

    fn note_refused(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }
}

/// A heartbeat whose signal is wanted, with what is remembered of it and its nominal times that are not settled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'w, 's> {
    pub(crate) heartbeat: &'w Heartbeat,
    pub(crate) state: Option<&'s State>,
    pub(crate) slots: &'s [Slot],
    /// How long nobody has evaluated.
    pub(crate) idle_for: SignedDuration,
}

impl<'w> Wanted<'w, '_> {
    fn name(&self) -> &'w str {
        &self.heartbeat.rules.name
    }

    /// Those of its nominal times that have come, and the next one if it comes within its grace: signs may be early.
    fn awaited(&self, now: Timestamp) -> impl Iterator<Item = Timestamp> {
        let soon = now.saturating_add(self.heartbeat.rules.grace).unwrap_or(now);
        self.slots.iter().filter(move |slot| !slot.settled && slot.at <= soon).map(|slot| slot.at)
    }
}

/// What came of some heartbeats, by their names.
type Readings<'w> = Vec<(&'w str, Reading)>;

/// Reads the signals of heartbeats within what is left of the invocation. Every one that is wanted is answered about.
pub(crate) async fn read<'w>(
    readers: &Readers,
    watch_file: &'w WatchFile,
    wanted: Vec<Wanted<'w, '_>>,
    store: Option<&Connection>,
    secrets: &Secrets,
    now: Timestamp,
    deadline: &Deadline,
) -> BTreeMap<&'w str, Reading> {
    let until = Instant::now() + deadline.for_work().saturating_sub(DECIDING).min(LONGEST);
    let mut told = Readings::new();
    let (mut metrics, mut questions, mut ledgers, mut sources, mut buckets) =
        <(Vec<_>, Vec<_>, Vec<_>, Vec<_>, Vec<_>)>::default();
    for wanted in wanted {
        match &wanted.heartbeat.signal {
            HeartbeatSignal::Ping => told.push((wanted.name(), looking::told(wanted.state, wanted.idle_for, now))),
            HeartbeatSignal::Metric(signal) => metrics.push((wanted, signal)),
            HeartbeatSignal::Sql { database, sql } => questions.push((wanted, database.as_str(), Asks::Sql(sql))),
            HeartbeatSignal::Runs { database, table } => questions.push((wanted, database.as_str(), Asks::Runs(table))),
            HeartbeatSignal::Ledger { function, task } => {
                ledgers.push((wanted, Job { function, task: task.map(Task::as_str) }));
            }
            HeartbeatSignal::Cycles { source } => sources.push((wanted, source.as_str())),
            HeartbeatSignal::S3(signal) => buckets.push((wanted, signal)),
        }
    }
    let (metrics, questions, ledgers, sources, buckets) = join5(
        metric::read(&readers.metrics, watch_file, metrics, now, until),
        database::read(readers, watch_file, questions, secrets, now, until),
        ledger::read(store, ledgers, now, until),
        cycles::read(store, watch_file, sources, now, until),
        s3::read(&readers.buckets, buckets, now, until),
    )
    .await;
    [told, metrics, questions, ledgers, sources, buckets].into_iter().flatten().collect()
}

/// What is left until an instant.
fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

#[cfg(test)]
mod tests;
