//! Asks a Postgres database: each statement alone in a transaction that may only read.

use std::pin::pin;
use std::time::Duration;

use config::{SecretRef, Secrets};
use domain::notification::truncate;
use futures::TryStreamExt;
use futures::future::join4;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use store::Connection;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::cells::{Cell, Rows};
use crate::failure::{Failure, FailureKind, Trouble};
use crate::number::Number;

/// How much longer than the statement's own time limit we wait for the server to keep it.
const GRACE: Duration = Duration::from_secs(1);

/// Connects, within `limit`.
pub(crate) async fn connect(
    name: &str,
    url: &SecretRef,
    secrets: &Secrets,
    limit: Duration,
) -> Result<Connection, Failure> {
    let url = secrets.get(url)?;
    let authority = secrets.get(&SecretRef::database_authority()).ok();
    let opening = Connection::open(&url, authority.as_ref().map(ExposeSecret::expose_secret));
    match tokio::time::timeout(limit, opening).await {
        Ok(opened) => opened.map_err(|err| refused_entry(name, err)),
        Err(_) => {
            let text = format!("database {name}: Postgres did not answer within {limit:.1?} at connecting");
            Err(Failure::late(FailureKind::Unavailable, text))
        }
    }
}

fn refused_entry(name: &str, err: store::Error) -> Failure {
    use store::Error;
    let (kind, timed_out) = match &err {
        Error::BadUrl { .. } | Error::BadCertificate(_) => (FailureKind::Secret, false),
        Error::Connect { source, .. } if is_refused(source) => (FailureKind::Credentials, false),
        Error::Timeout { .. } => (FailureKind::Unavailable, true),
        _ => (FailureKind::Unavailable, false),
    };
    Failure { kind, text: format!("database {name}: {:#}", anyhow::Error::new(err)), timed_out }
}

/// Whether it is our user or password that the server does not take.
fn is_refused(err: &tokio_postgres::Error) -> bool {
    err.code()
        .is_some_and(|code| [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION].contains(code))
}

/// Asks one statement for its first rows, one more than `most` at most.
pub(crate) async fn ask(
    connection: &Connection,
    name: &str,
    sql: &str,
    most: usize,
    limit: Duration,
) -> Result<Rows, Trouble> {
    match tokio::time::timeout(limit + GRACE, in_transaction(&connection.client, sql, most, limit)).await {
        Ok(answer) => answer,
        Err(_) => {
            let text = format!("database {name} did not answer within {limit:.1?}");
            Err(Trouble::Broken(Failure::late(FailureKind::Unavailable, text)))
        }
    }
}

/// Asks in a transaction that may only read, ends by itself and is always rolled back.
///
/// All four statements go out together, so that a question costs one round trip as the bare statement would. The extended
/// protocol takes one statement at a time: a second one behind a semicolon is refused.
async fn in_transaction(client: &Client, sql: &str, most: usize, limit: Duration) -> Result<Rows, Trouble> {
    let limit = limit.as_millis().max(1).to_string();
    let timeout: [(&(dyn ToSql + Sync), Type); 1] = [(&limit, Type::TEXT)];
    let (begun, limited, rows, ended) = join4(
        client.execute_typed("begin transaction read only", &[]),
        client.query_typed("select set_config('statement_timeout', $1, true)", &timeout),
        first_rows(client, sql, most),
        client.execute_typed("rollback", &[]),
    )
    .await;
    match begun.and(limited.map(|_| 0)).and(ended) {
        Ok(_) => rows.map_err(Trouble::Question),
        // What the server said last, if it said something, tells more than that it hung up.
        Err(err) => {
            let said = rows.err().unwrap_or_else(|| describe(&err));
            Err(Trouble::Broken(Failure { kind: FailureKind::Unavailable, ..said }))
        }
    }
}

/// The first rows that a statement answers. No more than one over `most` are ever read.
async fn first_rows(client: &Client, sql: &str, most: usize) -> Result<Rows, Failure> {
    let parameters = std::iter::empty::<(&(dyn ToSql + Sync), Type)>();
    let answer = client.query_typed_raw(sql, parameters).await.map_err(|err| describe(&err))?;
    let mut answer = pin!(answer);
    let mut found = Rows { columns: Vec::new(), rows: Vec::new() };
    while found.rows.len() <= most {
        let Some(row) = answer.try_next().await.map_err(|err| describe(&err))? else { break };
        if found.rows.is_empty() {
            found.columns = row.columns().iter().map(|column| column.name().to_owned()).collect();
        }
        found.rows.push(cells(&row));
    }
    Ok(found)
}

fn cells(row: &Row) -> Vec<Cell> {
    let cell = |(index, column): (usize, &tokio_postgres::Column)| {
        let ty = column.type_();
        let read = if Number::accepts(ty) {
            row.try_get(index).map(|value: Option<Number>| value.map(|Number(value)| Cell::Number(value)))
        } else if <&str as FromSql>::accepts(ty) {
            row.try_get(index).map(|value: Option<&str>| value.map(|text| Cell::Text(text.to_owned())))
        } else if *ty == Type::TIMESTAMPTZ {
            row.try_get(index).map(|value: Option<Timestamp>| value.map(Cell::Instant))
        } else {
            return Cell::Other(ty.to_string());
        };
        match read {
            Ok(value) => value.unwrap_or(Cell::Null),
            Err(err) => Cell::Other(format!("{ty} that cannot be read ({err})")),
        }
    };
    row.columns().iter().enumerate().map(cell).collect()
}

/// As much of what the server says as is worth passing on, in characters.
const LONGEST_ANSWER: usize = 300;

/// What the server says, with its code; else what the client says.
fn describe(err: &tokio_postgres::Error) -> Failure {
    match err.as_db_error() {
        Some(said) if *said.code() == SqlState::QUERY_CANCELED => {
            Failure::late(FailureKind::Refused, "the statement took too long and was stopped")
        }
        Some(said) => {
            let hint = said.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
            // It may quote the data it choked on, at any length.
            let said_so = truncate(&format!("{}{hint}", said.message()), LONGEST_ANSWER);
            Failure::refused(format!("{said_so} [{}]", said.code().code()))
        }
        None => Failure::refused(format!("{:#}", anyhow::anyhow!("the connection broke: {err}"))),
    }
}
