//! Silences: made, ended, and read by every decision.

use std::collections::BTreeMap;

use domain::policy::Matcher;
use domain::silence::{Recurrence, Silence, Written};
use domain::{Severity, Timestamp};
use serde::{Deserialize, Serialize};
use tokio_postgres::types::{Json, Type};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::Error;
use crate::rows::column;
use crate::statements::Statement;

pub(crate) const STATEMENTS: &[&Statement] = &[&INSERT, &END];

static INSERT: Statement = Statement {
    name: "making a silence",
    sql: include_str!("sql/insert_silence.sql"),
    types: &[
        Type::UUID,
        Type::JSONB,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::JSONB,
        Type::TEXT,
        Type::TEXT,
        Type::TIMESTAMPTZ,
        Type::BOOL,
    ],
};
static END: Statement = Statement {
    name: "ending a silence",
    // The read sees the row as it was before.
    sql: "with ended as (
              update watchkeeper.silences
              set ended_at = $2, ended_by = $3
              where silence_id = $1 and ended_at is null and until_at > $2
              returning silence_id)
          select exists (select from ended) as won, until_at, ended_at, ended_by
          from watchkeeper.silences
          where silence_id = $1",
    types: &[Type::UUID, Type::TIMESTAMPTZ, Type::TEXT],
};

/// What came of ending a silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is over now.
    Won,
    /// Somebody ended it before.
    Before {
        /// When.
        at: Timestamp,
        /// Who.
        by: String,
    },
    /// It was over by itself.
    Over {
        /// Since when.
        since: Timestamp,
    },
    /// There is none of this id.
    Unknown,
}

/// A silence that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// It was made.
    New(Uuid),
    /// The same was asked before and is in force, or will be.
    Before(Uuid),
}

/// Makes a silence at `now`, unless the same is there: whoever asks twice gets one. `from_now` says that no beginning was
/// asked for, so that one which began earlier is the same.
///
/// # Errors
/// The statement's failure.
pub async fn insert(client: &Client, silence: &Silence, from_now: bool, now: Timestamp) -> Result<Made, Error> {
    let Silence { id, matchers, from, until, recurring, author, reason } = silence;
    let matchers = Json(Matchers::from(matchers.clone()));
    let recurring = recurring.as_ref().map(|recurrence| Json(recurrence.written()));
    let rows = INSERT.run(client, &[id, &matchers, from, until, &recurring, author, reason, &now, &from_now]).await?;
    let known: Option<Uuid> = rows.first().map(|row| column(row, "silence_id")).transpose()?;
    Ok(known.filter(|known| known != id).map_or(Made::New(*id), Made::Before))
}

/// Ends a silence at `now`, before its time.
///
/// # Errors
/// The statement's failure.
pub async fn end(client: &Client, silence_id: Uuid, by: &str, now: Timestamp) -> Result<Ended, Error> {
    let rows = END.run(client, &[&silence_id, &now, &by]).await?;
    let Some(row) = rows.first() else { return Ok(Ended::Unknown) };
    if column(row, "won")? {
        return Ok(Ended::Won);
    }
    let before: Option<Timestamp> = column(row, "ended_at")?;
    Ok(match before.zip(column(row, "ended_by")?) {
        Some((at, by)) => Ended::Before { at, by },
        None => Ended::Over { since: column(row, "until_at")? },
    })
}

/// The column `silences.matchers`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Matchers {
    severity: Vec<Severity>,
    kind: Vec<String>,
    subject: Vec<String>,
    environment: Vec<String>,
    labels: BTreeMap<String, Vec<String>>,
}

impl From<Matcher> for Matchers {
    fn from(Matcher { severity, kind, subject, environment, labels }: Matcher) -> Self {
        Self { severity, kind, subject, environment, labels }
    }
}

/// The silences of rows. One that cannot be read, as a hand may have written it, mutes nobody: a batch that failed of it
/// would tell nobody of anything.
pub(crate) fn readable(rows: &[Row]) -> Vec<Silence> {
    let read = |row: &Row| {
        from_row(row).inspect_err(|error| tracing::error!(error, "A silence cannot be read and mutes nothing")).ok()
    };
    rows.iter().filter_map(read).collect()
}

fn from_row(row: &Row) -> Result<Silence, String> {
    let id: Uuid = read(row, "silence_id")?;
    let told = |error: String| format!("silence {id}: {error}");
    let Json(Matchers { severity, kind, subject, environment, labels }) = read(row, "matchers").map_err(told)?;
    let matchers = Matcher { severity, kind, subject, environment, labels };
    if !matchers.asks() {
        return Err(told("its matchers ask nothing".to_owned()));
    }
    let written: Option<Json<Written>> = read(row, "recurring").map_err(told)?;
    let recurring = written.map(|Json(written)| Recurrence::read(written)).transpose();
    Ok(Silence {
        id,
        matchers,
        from: read(row, "from_at")?,
        until: read(row, "until_at")?,
        recurring: recurring.map_err(|error| told(error.to_string()))?,
        author: read(row, "author")?,
        reason: read(row, "reason")?,
    })
}

fn read<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, name: &'static str) -> Result<T, String> {
    row.try_get(name).map_err(|error| {
        format!("{error}: {}", std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default())
    })
}
