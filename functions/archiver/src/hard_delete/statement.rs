//! Statements of a hard delete: every parameter is a text that SQL casts, and what the database refuses is told as what it means.

use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use crate::source::Trouble;

/// Asks; the parameters are texts from `$1` on.
///
/// # Errors
/// The database's.
pub(super) async fn ask(client: &Client, what: &'static str, sql: &str, texts: &[&str]) -> Result<Vec<Row>, Trouble> {
    let rows = client.query_typed(sql, &typed(texts)).await.map_err(|error| trouble(what, error))?;
    failpoint::pass(what);
    Ok(rows)
}

/// Asks for one number.
///
/// # Errors
/// The database's.
pub(super) async fn number(client: &Client, what: &'static str, sql: &str, texts: &[&str]) -> Result<u64, Trouble> {
    let rows = ask(client, what, sql, texts).await?;
    let count: i64 = rows.first().map(|row| row.try_get(0).map_err(Trouble::at(what))).transpose()?.unwrap_or_default();
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Changes rows; how many.
///
/// # Errors
/// The server's own, for who knows what it means here.
pub(super) async fn change(client: &Client, what: &'static str, sql: &str, texts: &[&str]) -> Result<u64, Error> {
    let changed = client.execute_typed(sql, &typed(texts)).await?;
    failpoint::pass(what);
    Ok(changed)
}

/// A column of an answer.
///
/// # Errors
/// When it is not what it should be.
pub(super) fn get<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, name: &'static str) -> Result<T, Trouble> {
    row.try_get(name).map_err(Trouble::at(name))
}

/// What a statement's error means.
pub(super) fn trouble(what: &'static str, error: Error) -> Trouble {
    let code = error.as_db_error().map(DbError::code);
    // Whoever was in the way has the rows now: another run finds how they left them.
    if code.is_some_and(|code| [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE].contains(code)) {
        return Trouble::Locked { what };
    }
    match error.as_db_error() {
        Some(said) if *said.code() == SqlState::INSUFFICIENT_PRIVILEGE => Trouble::Refused(format!(
            "{what}: {}: docs/RETENTION.md says what the role has to be granted",
            said.message()
        )),
        _ => Trouble::at(what)(error),
    }
}

fn typed<'a>(texts: &'a [&'a str]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    texts.iter().map(|text| (text as &(dyn ToSql + Sync), Type::TEXT)).collect()
}
