//! Runs the checks of one database: one after another, each within its own time and what is left of the database's.

use std::time::{Duration, Instant};

use config::Secrets;
use config::watch_file::{Access, Ask, Check, Database, LONGEST_TIMEOUT};
use runtime::Deadline;
use store::Connection;

use super::reading::{Rows, most_rows, read};
use super::{Clients, Failure, Outcome, function, left, postgres};

/// What goes wrong, by whom it concerns.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The check alone.
    Check(Failure),
    /// The check, and the connection it was asked on.
    Broken(Failure),
    /// The database: it lets nobody in.
    Closed(Failure),
}

/// What came of a database and of each of its checks, in their order.
pub(super) struct Asked<'w> {
    pub(super) entry: Result<(), Failure>,
    pub(super) outcomes: Vec<Outcome<'w>>,
}

/// A database while its checks run.
struct Session<'a> {
    name: &'a str,
    database: &'a Database,
    clients: &'a Clients,
    secrets: &'a Secrets,
    /// The connection, where there is one to keep.
    connection: Option<Connection>,
}

/// Runs checks that ask one database. Whatever goes wrong is said of the check it happened to; that the database lets
/// nobody in is said once.
pub(super) async fn run<'w>(
    name: &str,
    database: &Database,
    checks: &[&'w Check],
    clients: &Clients,
    secrets: &Secrets,
    deadline: &Deadline,
) -> Asked<'w> {
    let started = Instant::now();
    let mut session = Session { name, database, clients, secrets, connection: None };
    let mut asked = Asked { entry: Ok(()), outcomes: Vec::with_capacity(checks.len()) };
    for check in checks {
        let of_database = LONGEST_TIMEOUT.unsigned_abs().saturating_sub(started.elapsed());
        let left = left(deadline).min(of_database);
        let outcome = if asked.entry.is_err() {
            // It did not let us in a moment ago, and each try takes seconds.
            Outcome::Unreachable
        } else if left.is_zero() {
            Outcome::Remaining
        } else {
            match session.run(check, left).await {
                Ok(outcome) => outcome,
                Err(failure) => {
                    asked.entry = Err(failure);
                    Outcome::Unreachable
                }
            }
        };
        asked.outcomes.push(outcome);
    }
    asked
}

impl Session<'_> {
    /// Runs one check.
    ///
    /// # Errors
    /// When the database lets nobody in.
    async fn run<'w>(&mut self, check: &'w Check, left: Duration) -> Result<Outcome<'w>, Failure> {
        let own = check.timeout.unwrap_or(self.database.statement_timeout).unsigned_abs();
        Ok(match self.rows(check, own, left).await {
            Ok(rows) => read(check, &rows).map_or_else(Outcome::Failed, Outcome::Read),
            Err(Trouble::Check(failure) | Trouble::Broken(failure)) => late_or_failed(failure, own, left),
            Err(Trouble::Closed(failure)) => return Err(failure),
        })
    }

    async fn rows(&mut self, check: &Check, own: Duration, left: Duration) -> Result<Rows, Trouble> {
        let Ask::Sql { sql, .. } = &check.ask;
        let most = most_rows(check);
        let url = match &self.database.access {
            Access::Lambda(function) => {
                return function::ask(self.clients, self.name, function, sql, most, own.min(left)).await;
            }
            Access::Url(url) => url,
        };
        let started = Instant::now();
        let connection = match self.connection.take().filter(|connection| !connection.is_closed()) {
            Some(connection) => connection,
            None => postgres::connect(self.name, url, self.secrets, left).await.map_err(Trouble::Closed)?,
        };
        let limit = own.min(left.saturating_sub(started.elapsed()));
        let answer = postgres::ask(&connection, self.name, sql, most, limit).await;
        // A connection whose state is not known is not used again; the next check gets a new one.
        if !matches!(answer, Err(Trouble::Broken(_))) {
            self.connection = Some(connection);
        }
        answer
    }
}

/// A check that was stopped before it had half of its own time did not fail: there was no time left for it.
fn late_or_failed<'w>(failure: Failure, own: Duration, left: Duration) -> Outcome<'w> {
    if failure.timed_out && left < own / 2 { Outcome::Remaining } else { Outcome::Failed(failure) }
}
