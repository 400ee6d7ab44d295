//! Runs checks: databases side by side, the checks of each in turn.

mod clients;
mod database;
mod failure;
mod function;
mod number;
mod postgres;
mod reading;

use std::collections::BTreeMap;
use std::time::Duration;

use config::Secrets;
use config::watch_file::{Check, WatchFile};
use futures::future::join_all;
use runtime::Deadline;

pub(crate) use clients::Clients;
pub(crate) use failure::{Failure, FailureKind};
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

/// Runs checks, those of one database in the order in which they are given.
pub(crate) async fn measure<'w>(
    clients: &Clients,
    watch_file: &'w WatchFile,
    checks: Vec<&'w Check>,
    secrets: &Secrets,
    deadline: &Deadline,
) -> Measurement<'w> {
    let mut by_database: BTreeMap<&'w str, Vec<(usize, &'w Check)>> = BTreeMap::new();
    for (place, check) in checks.into_iter().enumerate() {
        if let Some(name) = check.database() {
            by_database.entry(name).or_default().push((place, check));
        }
    }
    let runs = by_database.into_iter().filter_map(|(name, placed)| {
        // The watch file is refused when a check names a database there is not.
        let database = watch_file.databases.get(name)?;
        Some(async move {
            let checks: Vec<_> = placed.iter().map(|(_, check)| *check).collect();
            (name, placed, database::run(name, database, &checks, clients, secrets, deadline).await)
        })
    });
    let mut checked = Vec::new();
    let mut databases = BTreeMap::new();
    for (name, placed, asked) in join_all(runs).await {
        databases.insert(name, asked.entry);
        checked.extend(placed.into_iter().zip(asked.outcomes));
    }
    checked.sort_by_key(|((place, _), _)| *place);
    let checked = checked.into_iter().map(|((_, check), outcome)| Checked { check, outcome }).collect();
    Measurement { checked, databases }
}

/// What is left of the invocation to measure in.
fn left(deadline: &Deadline) -> Duration {
    deadline.for_work().saturating_sub(PUBLISHING)
}
