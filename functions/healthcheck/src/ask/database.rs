//! Runs the checks of one database: one after another, each within its own time and what is left of the database's.

use std::time::{Duration, Instant};

use config::Secrets;
use config::watch_file::{Check, Database, LONGEST_TIMEOUT};
use jiff::SignedDuration;
use runtime::Deadline;
use watched::{Failure, Question, Session, Trouble};

use super::reading::{most_rows, read};
use super::{Checked, Clients, Outcome, late_or_failed, left};

/// A check and its statement.
pub(super) struct Asks<'w> {
    pub(super) place: usize,
    pub(super) check: &'w Check,
    pub(super) sql: &'w str,
}

/// What came of a database, and of each of its checks with its place among all.
pub(super) struct Asked<'w> {
    pub(super) entry: Result<(), Failure>,
    pub(super) checked: Vec<(usize, Checked<'w>)>,
}

/// Runs checks that ask one database. Whatever goes wrong is said of the check it happened to; that the database lets
/// nobody in is said once.
pub(super) async fn run<'w>(
    name: &str,
    database: &Database,
    checks: Vec<Asks<'w>>,
    clients: &Clients,
    secrets: &Secrets,
    deadline: &Deadline,
) -> Asked<'w> {
    let started = Instant::now();
    let mut session = Session::new(name, database, &clients.functions, secrets);
    let mut asked = Asked { entry: Ok(()), checked: Vec::with_capacity(checks.len()) };
    for asks in checks {
        let of_database = LONGEST_TIMEOUT.unsigned_abs().saturating_sub(started.elapsed());
        let left = left(deadline).min(of_database);
        let outcome = if asked.entry.is_err() {
            // It did not let us in a moment ago, and each try takes seconds.
            Outcome::Unreachable
        } else if left.is_zero() {
            Outcome::Remaining
        } else {
            match ask(&mut session, &asks, database.statement_timeout, left).await {
                Ok(outcome) => outcome,
                Err(failure) => {
                    asked.entry = Err(failure);
                    Outcome::Unreachable
                }
            }
        };
        asked.checked.push((asks.place, Checked { check: asks.check, outcome }));
    }
    asked
}

/// Runs one check.
///
/// # Errors
/// When the database lets nobody in.
async fn ask<'w>(
    session: &mut Session<'_>,
    asks: &Asks<'w>,
    usual_limit: SignedDuration,
    left: Duration,
) -> Result<Outcome<'w>, Failure> {
    let check = asks.check;
    let limit = check.timeout.unwrap_or(usual_limit).unsigned_abs();
    Ok(match session.ask(&Question { sql: asks.sql, most: most_rows(check), limit }, left).await {
        Ok(rows) => read(check, &rows).map_or_else(Outcome::Failed, Outcome::Read),
        Err(Trouble::Question(failure) | Trouble::Broken(failure)) => late_or_failed(failure, limit, left),
        Err(Trouble::Closed(failure)) => return Err(failure),
    })
}
