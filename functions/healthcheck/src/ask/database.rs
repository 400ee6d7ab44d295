//! Runs the checks of one database: one after another, each within its own time and what is left of the database's.

use std::time::{Duration, Instant};

use config::Secrets;
use config::watch_file::{Access, Check, Database, LONGEST_TIMEOUT};
use runtime::Deadline;
use store::Connection;

use super::reading::{Rows, most_rows, read};
use super::{Checked, Clients, Failure, Outcome, function, late_or_failed, left, postgres};

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

/// A check and its statement.
pub(super) struct Question<'w> {
    pub(super) place: usize,
    pub(super) check: &'w Check,
    pub(super) sql: &'w str,
}

/// What came of a database, and of each of its checks with its place among all.
pub(super) struct Asked<'w> {
    pub(super) entry: Result<(), Failure>,
    pub(super) checked: Vec<(usize, Checked<'w>)>,
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
    questions: Vec<Question<'w>>,
    clients: &Clients,
    secrets: &Secrets,
    deadline: &Deadline,
) -> Asked<'w> {
    let started = Instant::now();
    let mut session = Session { name, database, clients, secrets, connection: None };
    let mut asked = Asked { entry: Ok(()), checked: Vec::with_capacity(questions.len()) };
    for question in questions {
        let of_database = LONGEST_TIMEOUT.unsigned_abs().saturating_sub(started.elapsed());
        let left = left(deadline).min(of_database);
        let outcome = if asked.entry.is_err() {
            // It did not let us in a moment ago, and each try takes seconds.
            Outcome::Unreachable
        } else if left.is_zero() {
            Outcome::Remaining
        } else {
            match session.run(&question, left).await {
                Ok(outcome) => outcome,
                Err(failure) => {
                    asked.entry = Err(failure);
                    Outcome::Unreachable
                }
            }
        };
        asked.checked.push((question.place, Checked { check: question.check, outcome }));
    }
    asked
}

impl Session<'_> {
    /// Runs one check.
    ///
    /// # Errors
    /// When the database lets nobody in.
    async fn run<'w>(&mut self, question: &Question<'w>, left: Duration) -> Result<Outcome<'w>, Failure> {
        let check = question.check;
        let own = check.timeout.unwrap_or(self.database.statement_timeout).unsigned_abs();
        Ok(match self.rows(question, own, left).await {
            Ok(rows) => read(check, &rows).map_or_else(Outcome::Failed, Outcome::Read),
            Err(Trouble::Check(failure) | Trouble::Broken(failure)) => late_or_failed(failure, own, left),
            Err(Trouble::Closed(failure)) => return Err(failure),
        })
    }

    async fn rows(&mut self, question: &Question<'_>, own: Duration, left: Duration) -> Result<Rows, Trouble> {
        let (sql, most) = (question.sql, most_rows(question.check));
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
