//! Reads runs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::Timestamp;
use domain::upstream::{Look, Run, RunStatus};
use tokio_postgres::types::{Json, Type};
use tokio_postgres::{Client, Row as PgRow};
use uuid::Uuid;

use super::Row;
use crate::Error;
use crate::rows::{column, word};
use crate::statements::{Flush, Statement};

pub(super) static READ: Statement = Statement {
    name: "reading runs",
    sql: include_str!("../sql/read_runs.sql"),
    types: &[
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ,
    ],
};
pub(super) static FIND: Statement = Statement {
    name: "finding runs",
    sql: "select run_id, source, run_timestamp, status, attempts, refusals, external_id, triggered_at, retry_at, rearmed,
                 reruns, failure_reason, last_failure, told_failed, from_before, unseen, in_story, look, finished_at, announced_at, inference_duration_ms
          from watchkeeper.forecast_runs
          where run_id = any($1)
             or (external_id = any($2) and status in ('due', 'late', 'held', 'triggered', 'running'))",
    types: &[Type::UUID_ARRAY, Type::TEXT_ARRAY],
};

pub(super) static GIVEN_UP: Statement = Statement {
    name: "reading what was given up",
    sql: include_str!("../sql/read_given_up_runs.sql"),
    types: &[Type::TEXT_ARRAY, Type::TIMESTAMPTZ_ARRAY],
};

/// A source of which a poll wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Its name.
    pub source: &'a str,
    /// The oldest nominal time that is wanted.
    pub from: Timestamp,
    /// The fingerprint of the alert that it is late upstream.
    pub late: String,
}

/// Which runs are over though nobody completes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Others<'a> {
    /// Every source there is.
    pub known: &'a [&'a str],
    /// Of other sources those that are older than this.
    pub older: Timestamp,
    /// Cycles that were given up before this.
    pub given_up: Timestamp,
}

/// What a poll has to know.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Open {
    /// The runs of its sources, oldest first.
    pub rows: Vec<Row>,
    /// Sources of which people were told that they are late upstream, and not of its end.
    pub told_late: BTreeSet<String>,
    /// Runs that are open, or of whose failure people were told, of sources that nobody knows; and cycles that were given up so long
    /// ago that nobody will make up for them.
    pub ownerless: Vec<Row>,
}

/// The runs of these sources from an instant on, and those that are open or untold whenever they are from, with what was before
/// both; and those that are over though nobody completes them.
///
/// # Errors
/// The statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn open(
    client: &Client,
    wanted: &[Wanted<'_>],
    others: &Others<'_>,
    patience: Duration,
) -> Result<Open, Error> {
    let sources: Vec<&str> = wanted.iter().map(|wanted| wanted.source).collect();
    let from: Vec<Timestamp> = wanted.iter().map(|wanted| wanted.from).collect();
    let late: Vec<&str> = wanted.iter().map(|wanted| wanted.late.as_str()).collect();
    let mut flush = Flush::new(patience);
    let Others { known, older, given_up } = others;
    flush.add(READ.run(client, &[&sources, &from, known, older, &late, given_up]));
    let [found] = flush.answers(READ.name).await?;
    let mut open = Open::default();
    for found in &found {
        let one = row(found)?;
        if column(found, "is_told_late")? {
            open.told_late.insert(one.run.source.clone());
        }
        let rows = if column(found, "is_known")? { &mut open.rows } else { &mut open.ownerless };
        rows.push(one);
    }
    Ok(open)
}

/// Cycles that were given up without having been triggered since a source's last complete run, each source up to an instant;
/// oldest first.
///
/// # Errors
/// The statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn given_up(
    client: &Client,
    wanted: &[(&str, Timestamp)],
    patience: Duration,
) -> Result<BTreeMap<String, Vec<Timestamp>>, Error> {
    let (sources, until): (Vec<&str>, Vec<Timestamp>) = wanted.iter().copied().unzip();
    let mut flush = Flush::new(patience);
    flush.add(GIVEN_UP.run(client, &[&sources, &until]));
    let [rows] = flush.answers(GIVEN_UP.name).await?;
    let mut found: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    for row in &rows {
        found.entry(column(row, "source")?).or_default().push(column(row, "run_timestamp")?);
    }
    Ok(found)
}

/// The runs of these ids, and those that are open and whose last job a provider calls by one of these, as far as there are
/// any.
///
/// # Errors
/// The statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn find(client: &Client, ids: &[Uuid], external_ids: &[&str], patience: Duration) -> Result<Vec<Row>, Error> {
    let mut flush = Flush::new(patience);
    flush.add(FIND.run(client, &[&ids, &external_ids]));
    let [rows] = flush.answers(FIND.name).await?;
    rows.iter().map(row).collect()
}

fn row(row: &PgRow) -> Result<Row, Error> {
    let count = |name: &'static str| column::<i32>(row, name).map(|count| u32::try_from(count).unwrap_or_default());
    let look: Option<Json<Look>> = column(row, "look")?;
    let run = Run {
        source: column(row, "source")?,
        at: column(row, "run_timestamp")?,
        status: word(row, "status", RunStatus::from_stored)?,
        attempts: count("attempts")?,
        refusals: count("refusals")?,
        external_id: column(row, "external_id")?,
        triggered_at: column(row, "triggered_at")?,
        retry_at: column(row, "retry_at")?,
        rearmed: column(row, "rearmed")?,
        reruns: count("reruns")?,
        failure_reason: column(row, "failure_reason")?,
        last_failure: column(row, "last_failure")?,
        told_failed: column(row, "told_failed")?,
        from_before: column(row, "from_before")?,
        unseen: column(row, "unseen")?,
        in_story: column(row, "in_story")?,
        look: look.map(|Json(look)| look),
    };
    Ok(Row {
        run_id: column(row, "run_id")?,
        run,
        finished_at: column(row, "finished_at")?,
        announced_at: column(row, "announced_at")?,
        inference_duration_ms: column(row, "inference_duration_ms")?,
    })
}
