//! What an invocation answers.

use runtime::Summary;
use serde::Serialize;
use serde_json::Value;

/// The answer: the summary, and what the task has of its own.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    #[serde(flatten)]
    pub(crate) summary: Summary,
    /// The task's own results, by policy.
    #[serde(flatten)]
    pub(crate) results: Value,
}
