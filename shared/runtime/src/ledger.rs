//! Writes down that a run took place and what came of it: what watches a function, watches its ledger.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use store::{Connection, Error, ledger};
use uuid::Uuid;

use crate::fault::Fault;
use crate::summary::Summary;

/// A run under way, as it began.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    /// Its id.
    pub run_id: Uuid,
    /// Which function.
    pub function: &'static str,
    /// Which of its tasks, if it has several: a heartbeat may be of one of them.
    pub task: Option<&'static str>,
    /// When the scheduler meant it to run.
    pub scheduled_at: Option<Timestamp>,
    /// When it began, by the store's clock.
    pub started_at: Timestamp,
}

impl Begun {
    /// Writes down how it ended, `took` after it began.
    ///
    /// # Errors
    /// The store's.
    pub async fn finish(
        &self,
        connection: &Connection,
        ended: Result<&Summary, &Fault>,
        took: Duration,
    ) -> Result<(), Error> {
        let (outcome, mut summary, error) = match ended {
            Ok(summary) => (summary.outcome.as_str(), json!(summary), None),
            Err(fault) => ("failed", json!({"error_type": fault.kind.as_str()}), Some(fault.message.as_str())),
        };
        if let Some(task) = self.task {
            summary["task"] = json!(task);
        }
        let run = ledger::Run {
            run_id: self.run_id,
            function: self.function,
            scheduled_at: self.scheduled_at,
            started_at: self.started_at,
            took: took.as_secs_f64(),
            outcome,
            summary,
            error,
        };
        ledger::insert(&connection.client, &run).await
    }
}
