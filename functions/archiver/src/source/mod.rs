//! The database that holds the rows: one connection, whose transactions are bounded in time and wait briefly for locks.
//!
//! Statements name tables and columns of the watch file, which no parameter can: they are quoted in one place
//! (`domain::retention::quoted`), and values go as parameters wherever the protocol takes them.

mod delete;
mod describe;
mod export;
mod next;
mod pressure;
mod rows;
mod standing;

use std::time::Duration;

use domain::retention::quoted;
use runtime::{Deadline, Fault, Kind};
use store::Connection;
use tokio_postgres::error::SqlState;

pub(crate) use delete::{Doomed, Gone, MakeWay, delete};
pub(crate) use describe::{Described, describe, generated, is_table};
pub(crate) use export::{WRITTEN_BY, export};
pub(crate) use next::{Ask, Span, next, old};
pub(crate) use pressure::pressure;
pub(crate) use rows::{list, written_by};
pub(crate) use standing::{Waiting, named_elsewhere, oldest, present, waiting};

/// How long a statement waits for a lock: rows wait for the pipeline, never the other way round.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest statement: one batch's export.
const STATEMENT_TIMEOUT: Duration = Duration::from_mins(10);

/// What goes wrong with the database that holds the rows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// Others hold what is needed; it may be free later.
    #[error("{what}: others hold a lock on it")]
    Locked {
        /// What was being done.
        what: &'static str,
    },
    /// The database had no time for us within the limits' patience.
    #[error("deleting makes way: {why}")]
    MakesWay {
        /// What was too much, for how long.
        why: String,
    },
    /// What is stored for rows is not deleted, so that they stay.
    #[error("{0}")]
    Stored(String),
    /// The policy does not fit the table, or a row does not fit the policy.
    #[error("{0}")]
    Refused(String),
    /// What was asked for does not fit what is there: whoever asked has to change it.
    #[error("{0}")]
    Asked(String),
    /// A column cannot be carried as what it is.
    #[error("column {column} holds {value}, which is carried as text")]
    Unrepresentable {
        /// Which.
        column: String,
        /// What it holds.
        value: String,
    },
    /// The time is over.
    #[error("the time of the invocation is over")]
    OutOfTime,
    /// A statement failed.
    #[error("failed at {what}: {said}")]
    Statement {
        /// What was being done.
        what: &'static str,
        /// What the server said, or that it hung up.
        said: String,
        /// Whether the database is gone, rather than the statement refused.
        gone: bool,
    },
}

impl From<Trouble> for Fault {
    fn from(trouble: Trouble) -> Self {
        let kind = match &trouble {
            Trouble::Refused(_) => Kind::BadConfig,
            Trouble::Asked(_) => Kind::BadPayload,
            Trouble::Locked { .. }
            | Trouble::MakesWay { .. }
            | Trouble::OutOfTime
            | Trouble::Stored(_)
            | Trouble::Statement { gone: true, .. } => Kind::Unavailable,
            Trouble::Unrepresentable { .. } | Trouble::Statement { .. } => Kind::Failed,
        };
        Self::new(kind, trouble.to_string())
    }
}

impl From<columnar::Error> for Trouble {
    fn from(error: columnar::Error) -> Self {
        match error {
            columnar::Error::Unrepresentable { column, value } => Self::Unrepresentable { column, value },
            other => Self::Refused(format!("{:#}", anyhow::Error::new(other))),
        }
    }
}

impl Trouble {
    /// What a statement's error means. What the server says may quote data; it is cut short.
    pub(crate) fn at(what: &'static str) -> impl Fn(tokio_postgres::Error) -> Self {
        move |error| match error.as_db_error() {
            Some(said) if *said.code() == SqlState::LOCK_NOT_AVAILABLE => Self::Locked { what },
            // A statement may take what is left of the invocation.
            Some(said) if *said.code() == SqlState::QUERY_CANCELED => Self::OutOfTime,
            Some(said) => {
                let hint = said.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
                let text = format!("{}{hint} [{}]", said.message(), said.code().code());
                let gone = said.code().code().starts_with("57P") || said.code().code().starts_with("08");
                Self::Statement { what, said: domain::notification::truncate(&text, 300), gone }
            }
            None => Self::Statement { what, said: format!("the connection broke: {error}"), gone: true },
        }
    }
}

/// Does something in one transaction, which is rolled back when it fails.
pub(crate) async fn transaction<T>(
    connection: &Connection,
    deadline: &Deadline,
    work: impl AsyncFnOnce() -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    begin(connection, deadline).await?;
    let done = work().await;
    match done {
        Ok(done) => {
            connection.client.batch_execute("commit").await.map_err(Trouble::at("committing"))?;
            failpoint::pass("committing rows");
            Ok(done)
        }
        Err(trouble) => {
            // The first error tells more than that of a rollback on a connection that broke.
            let _ = connection.client.batch_execute("rollback").await;
            Err(trouble)
        }
    }
}

async fn begin(connection: &Connection, deadline: &Deadline) -> Result<(), Trouble> {
    let left = deadline.for_work().min(STATEMENT_TIMEOUT);
    if left.is_zero() {
        return Err(Trouble::OutOfTime);
    }
    let session = columnar::SESSION.replace("set ", "set local ");
    let limits = format!(
        "begin; {session} set local standard_conforming_strings = on; set local row_security = off; set local jit = off;
         set local lock_timeout = {}; set local statement_timeout = {}; set local idle_in_transaction_session_timeout = {};",
        LOCK_TIMEOUT.as_millis(),
        left.as_millis().max(1),
        left.as_millis().max(1),
    );
    connection.client.batch_execute(&limits).await.map_err(Trouble::at("beginning a transaction"))
}

/// Makes all statements of the transaction that was just begun see the same rows.
async fn one_snapshot(connection: &Connection, what: &'static str) -> Result<(), Trouble> {
    let sql = "set transaction isolation level repeatable read";
    connection.client.batch_execute(sql).await.map_err(Trouble::at(what))
}

/// A text as a literal of SQL, for statements that take no parameters (COPY).
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Columns as SQL lists them.
pub(crate) fn columns<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| quoted(name)).collect();
    names.join(", ")
}
