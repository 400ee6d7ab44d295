//! How a job that was accepted is asked about and cancelled.

use async_trait::async_trait;
use jiff::SignedDuration;
use outbound::Cause;
use serde_json::Value;

/// A provider that keeps the status of its jobs. Asking and cancelling may be repeated: neither starts anything.
#[async_trait]
pub trait Follow: Send + Sync {
    /// Asks how a job stands, by what the provider calls it.
    async fn ask(&self, external_id: &str) -> Standing;

    /// Ends a job, by what the provider calls it.
    async fn cancel(&self, external_id: &str) -> Cancelled;
}

/// How a provider says that a job stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// Nobody works on it yet.
    Queued,
    /// A worker has it.
    Running {
        /// How long it waited for the worker, where the provider says so.
        waited: Option<SignedDuration>,
    },
    /// It ended well.
    Succeeded {
        /// What it made, in its worker's own words; null where it said nothing.
        output: Value,
        /// How long the worker took, in milliseconds, where the provider says so.
        execution_ms: Option<u64>,
    },
    /// It ended badly.
    Failed(Cause),
    /// Somebody cancelled it.
    Cancelled,
    /// It ran longer than it may, or was not begun in time.
    TimedOut,
    /// The provider does not know it: it never did, or has forgotten it since. This says nothing of how it ended.
    Forgotten(Cause),
    /// The provider could not be asked, or its answer makes no sense: nothing is known that was not known before.
    Unknown(Cause),
}

impl Standing {
    /// Whether the job has ended, one way or another.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Succeeded { .. } | Self::Failed(_) | Self::Cancelled | Self::TimedOut)
    }
}

/// How cancelling ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Cancelled {
    /// The job runs no more, and will not.
    Cancelled,
    /// It had ended before: so.
    AlreadyOver(Standing),
    /// It may still run: the provider did not answer, does not know it, or said something else.
    Unknown(Cause),
}
