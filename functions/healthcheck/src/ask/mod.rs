//! Runs checks: databases, queues and endpoints side by side, the checks of one database in turn.

mod alone;
mod clients;
mod database;
mod http;
mod queue;
mod reading;

use std::collections::BTreeMap;
use std::time::Duration;

use config::Secrets;
use config::watch_file::{Ask, Check, WatchFile};
use futures::future::{join, join_all};
use jiff::Timestamp;
use runtime::Deadline;
use watched::Failure;

use alone::Alone;

pub(crate) use clients::Clients;
pub(crate) use reading::Reading;

/// What is left to raise, to publish and to answer when measuring has to stop.
const PUBLISHING: Duration = Duration::from_secs(5);

/// What a run of checks found.
#[derive(Debug)]
pub(crate) struct Measurement<'w> {
    /// Every check, in the order in which they were given.
    pub(crate) checked: Vec<Checked<'w>>,
    /// Whether each database that was asked let us in.
    pub(crate) databases: BTreeMap<&'w str, Result<(), Failure>>,
}

/// What came of one check.
#[derive(Debug)]
pub(crate) struct Checked<'w> {
    pub(crate) check: &'w Check,
    pub(crate) outcome: Outcome<'w>,
}

/// What came of running it.
#[derive(Debug)]
pub(crate) enum Outcome<'w> {
    /// It answered.
    Read(Vec<Reading<'w>>),
    /// It could not be run, or did not answer as it must.
    Failed(Failure),
    /// Its database let nobody in.
    Unreachable,
    /// There was no time left to run it.
    Remaining,
}

/// Runs checks, those of one database in the order in which they are given; `clock` is what the run began at, whatever
/// time it is given.
pub(crate) async fn measure<'w>(
    clients: &Clients,
    watch_file: &'w WatchFile,
    checks: Vec<&'w Check>,
    secrets: &Secrets,
    clock: Timestamp,
    deadline: &Deadline,
) -> Measurement<'w> {
    let mut by_database: BTreeMap<&'w str, Vec<database::Asks<'w>>> = BTreeMap::new();
    let mut alone = Vec::new();
    for (place, check) in checks.into_iter().enumerate() {
        match &check.ask {
            Ask::Sql { database, sql } => {
                by_database.entry(database).or_default().push(database::Asks { place, check, sql });
            }
            Ask::Sqs { queue } => alone.push(Alone { place, check, ask: alone::Asks::Queue(queue) }),
            Ask::Http(ask) => alone.push(Alone { place, check, ask: alone::Asks::Endpoint(ask) }),
        }
    }
    let asking = by_database.into_iter().filter_map(|(name, questions)| {
        // The watch file is refused when a check names a database there is not.
        let database = watch_file.databases.get(name)?;
        Some(async move { (name, database::run(name, database, questions, clients, secrets, deadline).await) })
    });
    let (asked, mut checked) = join(join_all(asking), alone::run(alone, clients, secrets, clock, deadline)).await;
    let mut databases = BTreeMap::new();
    for (name, asked) in asked {
        databases.insert(name, asked.entry);
        checked.extend(asked.checked);
    }
    checked.sort_by_key(|(place, _)| *place);
    Measurement { checked: checked.into_iter().map(|(_, checked)| checked).collect(), databases }
}

/// What is left of the invocation to measure in.
fn left(deadline: &Deadline) -> Duration {
    deadline.for_work().saturating_sub(PUBLISHING)
}

/// A check that was stopped before it had half of its own time did not fail: there was no time left for it.
fn late_or_failed<'w>(failure: Failure, own: Duration, left: Duration) -> Outcome<'w> {
    if failure.timed_out && left < own / 2 { Outcome::Remaining } else { Outcome::Failed(failure) }
}
