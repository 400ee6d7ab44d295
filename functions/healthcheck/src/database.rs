//! Runs the checks of one database: one connection, one check after another, each alone in a transaction.

use std::pin::pin;
use std::time::Duration;

use config::watch_file::{Check, Database};
use config::{SecretError, SecretRef, Secrets};
use futures::TryStreamExt;
use futures::future::join4;
use runtime::{Deadline, Kind};
use secrecy::ExposeSecret;
use store::Connection;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::reading::{Reading, read};

/// What is left to publish and to answer when measuring has to stop.
const PUBLISHING: Duration = Duration::from_secs(5);
/// How much longer than the statement's own time limit we wait for the server to keep it.
const GRACE: Duration = Duration::from_secs(1);

/// What came of one check.
pub(crate) struct Checked<'w> {
    pub(crate) check: &'w Check,
    pub(crate) outcome: Outcome<'w>,
}

/// What came of running it.
pub(crate) enum Outcome<'w> {
    /// It answered one row.
    Read(Vec<Reading<'w>>),
    /// It could not be run, or did not answer one row.
    Failed(Failure),
    /// There was no time left to run it.
    Remaining,
}

/// Why a check, or its database, gave no row. No secret shows in it.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The database's address is not to be had.
    #[error("{0}")]
    Secret(#[from] SecretError),
    /// The database does not let us in.
    #[error("{0}")]
    Connect(String),
    /// The server did not answer in time, or the connection broke.
    #[error("{0}")]
    Broken(String),
    /// The statement was refused, took too long, or answered no row or several.
    #[error("{0}")]
    Statement(String),
}

impl Failure {
    /// What sort of fault the run has when nothing but this happened.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Secret(_) => Kind::BadConfig,
            Self::Connect(_) | Self::Broken(_) => Kind::Unavailable,
            Self::Statement(_) => Kind::Failed,
        }
    }
}

/// Runs checks that ask one database. Whatever goes wrong is said of the check it happened to.
pub(crate) async fn run<'w>(
    name: &str,
    database: &Database,
    checks: Vec<&'w Check>,
    secrets: &Secrets,
    deadline: &Deadline,
) -> Vec<Checked<'w>> {
    let mut connection: Option<Connection> = None;
    let mut closed: Option<Failure> = None;
    let mut checked = Vec::with_capacity(checks.len());
    for check in checks {
        let left = deadline.for_work().saturating_sub(PUBLISHING);
        let limit = left.min(database.statement_timeout.unsigned_abs());
        let outcome = match &closed {
            // It did not let us in a moment ago, and each try takes seconds.
            Some(failure) => Outcome::Failed(failure.clone()),
            None if limit.is_zero() => Outcome::Remaining,
            None => match run_one(check, name, database, secrets, &mut connection, limit).await {
                Ok(readings) => Outcome::Read(readings),
                Err(failure) => Outcome::Failed(failure),
            },
        };
        match &outcome {
            // A connection whose state is not known is not used again; the next check gets a new one.
            Outcome::Failed(Failure::Broken(_)) => connection = None,
            Outcome::Failed(failure @ (Failure::Connect(_) | Failure::Secret(_))) => closed = Some(failure.clone()),
            _ => {}
        }
        checked.push(Checked { check, outcome });
    }
    checked
}

async fn run_one<'w>(
    check: &'w Check,
    name: &str,
    database: &Database,
    secrets: &Secrets,
    connection: &mut Option<Connection>,
    limit: Duration,
) -> Result<Vec<Reading<'w>>, Failure> {
    if connection.as_ref().is_none_or(Connection::is_closed) {
        *connection = Some(connect(name, database, secrets).await?);
    }
    let Some(connection) = connection else { return Ok(Vec::new()) };
    let asking = ask(&connection.client, &check.sql, limit);
    match tokio::time::timeout(limit + GRACE, asking).await {
        Ok(row) => row.map(|row| read(check, &row)),
        Err(_) => Err(Failure::Broken(format!("database {name} did not answer within {limit:.1?}"))),
    }
}

async fn connect(name: &str, database: &Database, secrets: &Secrets) -> Result<Connection, Failure> {
    let url = secrets.get(&database.url)?;
    let authority = secrets.get(&SecretRef::database_authority()).ok();
    Connection::open(&url, authority.as_ref().map(ExposeSecret::expose_secret))
        .await
        .map_err(|err| Failure::Connect(format!("database {name}: {:#}", anyhow::Error::new(err))))
}

/// Asks one statement for one row, in a transaction that may only read, ends by itself and is always rolled back.
///
/// All four statements go out together, so that a check costs one round trip as the bare statement would. The extended
/// protocol takes one statement at a time: a second one behind a semicolon is refused.
async fn ask(client: &Client, sql: &str, limit: Duration) -> Result<Row, Failure> {
    let limit = limit.as_millis().max(1).to_string();
    let timeout: [(&(dyn ToSql + Sync), Type); 1] = [(&limit, Type::TEXT)];
    let (begun, limited, row, ended) = join4(
        client.execute_typed("begin transaction read only", &[]),
        client.query_typed("select set_config('statement_timeout', $1, true)", &timeout),
        only_row(client, sql),
        client.execute_typed("rollback", &[]),
    )
    .await;
    match begun.and(limited.map(|_| 0)).and(ended) {
        Ok(_) => row,
        // What the server said last, if it said something, tells more than that it hung up.
        Err(err) => Err(Failure::Broken(row.err().map_or_else(|| describe(&err), |said| said.to_string()))),
    }
}

/// The one row that a statement answers. No more than two are ever read.
async fn only_row(client: &Client, sql: &str) -> Result<Row, Failure> {
    let statement = |err: tokio_postgres::Error| Failure::Statement(describe(&err));
    let parameters = std::iter::empty::<(&(dyn ToSql + Sync), Type)>();
    let rows = client.query_typed_raw(sql, parameters).await.map_err(statement)?;
    let mut rows = pin!(rows);
    let Some(row) = rows.try_next().await.map_err(statement)? else {
        return Err(Failure::Statement("the statement answered no row, expected one".to_owned()));
    };
    match rows.try_next().await.map_err(statement)? {
        None => Ok(row),
        Some(_) => Err(Failure::Statement("the statement answered several rows, expected one".to_owned())),
    }
}

/// What the server says, with its code; else what the client says.
fn describe(err: &tokio_postgres::Error) -> String {
    match err.as_db_error() {
        Some(said) if *said.code() == SqlState::QUERY_CANCELED => {
            "the statement took too long and was stopped".to_owned()
        }
        Some(said) => {
            let hint = said.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("{}{hint} [{}]", said.message(), said.code().code())
        }
        None => format!("{:#}", anyhow::anyhow!("the connection broke: {err}")),
    }
}
