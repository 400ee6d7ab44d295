//! Starts the processing of a cycle: one trait, one file or folder per kind of trigger.
//!
//! Every kind keeps one contract (`tests/contract`): one request per start, which answer is which outcome, and that no
//! secret leaks. A start whose outcome is not known is never repeated here: whether and when there is another is decided
//! from the run's record.

mod aws;
mod follow;
mod function;
mod job;
mod queue;
pub mod runpod;
mod started;

use async_trait::async_trait;

pub use follow::{Cancelled, Follow, Standing};
pub use function::Function;
pub use job::{Job, OURS};
pub use outbound::{Cause, Http};
pub use queue::JobQueue;
pub use runpod::RunPod;
pub use started::Started;

/// What processes a cycle when it is told to.
#[async_trait]
pub trait Trigger: Send + Sync {
    /// Asks for one job, with one request.
    async fn start(&self, job: &Job<'_>) -> Started;

    /// How a job that was accepted is asked about and cancelled; none where the provider keeps no status of it (a queue, a
    /// function invoked asynchronously): of such a job only its output, or its completion, shows how it stands.
    fn follow(&self) -> Option<&dyn Follow> {
        None
    }
}
