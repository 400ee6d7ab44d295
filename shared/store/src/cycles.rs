//! Cycles of upstream products, and how far the processing of each has come.

use domain::Timestamp;
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

/// How far a cycle has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CycleStatus {
    /// Its nominal time has come.
    Due,
    /// Upstream should have published it by now.
    Late,
    /// Upstream has published it, and nothing may be triggered.
    Held,
    /// Its run was triggered.
    Triggered,
    /// Its run has begun.
    Running,
    /// Its run has succeeded.
    Complete,
    /// Its run has failed.
    Failed,
    /// What its run made was deleted.
    Deleted,
}

impl CycleStatus {
    const ALL: [Self; 8] = [
        Self::Due,
        Self::Late,
        Self::Held,
        Self::Triggered,
        Self::Running,
        Self::Complete,
        Self::Failed,
        Self::Deleted,
    ];

    /// The word in the column `forecast_runs.status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Late => "late",
            Self::Held => "held",
            Self::Triggered => "triggered",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Deleted => "deleted",
        }
    }

    /// Reads the word of the column back.
    pub fn from_stored(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

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
    pub status: CycleStatus,
    /// How often its run was triggered again.
    pub retry_count: i32,
    /// Why its run failed, if it did.
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
            status: word(row, "status", CycleStatus::from_stored)?,
            retry_count: column(row, "retry_count")?,
            failure_reason: column(row, "failure_reason")?,
            triggered_at: column(row, "triggered_at")?,
            finished_at: column(row, "finished_at")?,
        })
    };
    rows.iter().map(read).collect()
}
