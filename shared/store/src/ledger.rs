//! One row per run of a function: when it was meant, when it ran, what came of it.

use domain::Timestamp;
use serde_json::Value;
use tokio_postgres::Client;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use crate::Error;
use crate::rows::column;
use crate::statements::Statement;

pub(crate) const STATEMENTS: &[&Statement] = &[&INSERT, &LIST_ENDS];

static INSERT: Statement = Statement {
    name: "writing the ledger",
    sql: "insert into watchkeeper.ledger
              (run_id, function, scheduled_at, started_at, finished_at, outcome, summary, error)
          values ($1, $2, $3, $4, $4 + make_interval(secs => $5), $6, $7, $8)
          on conflict (run_id) do nothing",
    types: &[
        Type::UUID,
        Type::TEXT,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::FLOAT8,
        Type::TEXT,
        Type::JSONB,
        Type::TEXT,
    ],
};
static LIST_ENDS: Statement =
    Statement { name: "reading the ledger", sql: include_str!("sql/list_ends.sql"), types: &[Type::TEXT_ARRAY; 2] };

/// A run that is over.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// The run's own id, as its summary says it.
    pub run_id: Uuid,
    /// Which function.
    pub function: &'a str,
    /// When the scheduler meant it to run.
    pub scheduled_at: Option<Timestamp>,
    /// When it began, by the store's clock.
    pub started_at: Timestamp,
    /// How long it took, in seconds.
    pub took: f64,
    /// `ok`, `partial` or `failed`.
    pub outcome: &'a str,
    /// What it answered, and its `task` where the function has several.
    pub summary: Value,
    /// Why it failed, if it did.
    pub error: Option<&'a str>,
}

/// Writes a run down. The same run twice is one row.
///
/// # Errors
/// The statement's failure.
pub async fn insert(client: &Client, run: &Run<'_>) -> Result<(), Error> {
    let summary = Json(&run.summary);
    let Run { run_id, function, scheduled_at, started_at, took, outcome, error, .. } = run;
    INSERT.run(client, &[run_id, function, scheduled_at, started_at, took, outcome, &summary, error]).await.map(drop)
}

/// Whose runs are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Job<'a> {
    /// Which function's.
    pub function: &'a str,
    /// Which of its tasks, if not all of them: a run of one is none of another.
    pub task: Option<&'a str>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which function's.
    pub function: String,
    /// The task that was asked for.
    pub task: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// Whether it did its work, if not all of it.
    pub succeeded: bool,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// The last run of each job that did its work, and those that have failed since, the last hundred of them.
///
/// # Errors
/// The statement's failure.
pub async fn list_ends(client: &Client, jobs: &[Job<'_>]) -> Result<Vec<Ended>, Error> {
    let (functions, tasks): (Vec<&str>, Vec<Option<&str>>) = jobs.iter().map(|job| (job.function, job.task)).unzip();
    let rows = LIST_ENDS.run(client, &[&functions, &tasks]).await?;
    let read = |row| {
        Ok(Ended {
            function: column(row, "function")?,
            task: column(row, "task")?,
            started_at: column(row, "started_at")?,
            finished_at: column(row, "finished_at")?,
            succeeded: column(row, "succeeded")?,
            error: column(row, "error")?,
        })
    };
    rows.iter().map(read).collect()
}
