//! Cycles of upstream products, and how far the processing of each has come.

use domain::Timestamp;
use domain::upstream::RunStatus;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::Error;
use crate::rows::{column, word};
use crate::statements::Statement;

pub(crate) const STATEMENTS: &[&Statement] = &[&LIST];

static LIST: Statement = Statement {
    name: "reading cycles",
    sql: include_str!("sql/list_cycles.sql"),
    types: &[Type::TEXT_ARRAY, Type::TIMESTAMPTZ_ARRAY],
};

/// A cycle and its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// Its run's id.
    pub run_id: String,
    /// The source.
    pub source: String,
    /// The nominal time.
    pub run_timestamp: Timestamp,
    /// How far it has come.
    pub status: RunStatus,
    /// How often its run was triggered again.
    pub retry_count: i32,
    /// Not to be triggered before this: its last attempt failed, and there is another.
    pub retry_at: Option<Timestamp>,
    /// Why its run, or its last attempt, failed.
    pub failure_reason: Option<String>,
    /// When its run was last triggered.
    pub triggered_at: Option<Timestamp>,
    /// When its run ended.
    pub finished_at: Option<Timestamp>,
}

/// The cycles of these sources and nominal times, and the newest of each source that is complete.
///
/// # Errors
/// The statement's failure, or [`Error::UnexpectedValue`].
pub async fn list(client: &Client, wanted: &[(&str, Timestamp)]) -> Result<Vec<Cycle>, Error> {
    let (sources, slots): (Vec<&str>, Vec<Timestamp>) = wanted.iter().copied().unzip();
    let rows = LIST.run(client, &[&sources, &slots]).await?;
    let read = |row| {
        Ok(Cycle {
            run_id: column(row, "run_id")?,
            source: column(row, "source")?,
            run_timestamp: column(row, "run_timestamp")?,
            status: word(row, "status", RunStatus::from_stored)?,
            retry_count: column(row, "retry_count")?,
            retry_at: column(row, "retry_at")?,
            failure_reason: column(row, "failure_reason")?,
            triggered_at: column(row, "triggered_at")?,
            finished_at: column(row, "finished_at")?,
        })
    };
    rows.iter().map(read).collect()
}
