//! The end of an invocation, and how much of it is left to work with.

use std::time::{Duration, Instant, SystemTime};

use lambda_runtime::Context;

/// Time kept back to commit, answer and log: work that is cut off by Lambda is work of unknown outcome.
const RESERVE: Duration = Duration::from_secs(2);

/// When Lambda ends the invocation, measured on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    ends_at: Instant,
}

impl Deadline {
    /// The deadline that came with an invocation.
    pub fn of(context: &Context) -> Self {
        // Lambda gives wall-clock time; only the distance to it is used, so a skewed clock shifts nothing else.
        #[expect(clippy::disallowed_methods, reason = "Lambda's deadline is wall-clock time, and nothing is decided by it")]
        let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
        Self { ends_at: Instant::now() + left }
    }

    /// All that is left, until Lambda ends the process.
    pub fn left(&self) -> Duration {
        self.ends_at.saturating_duration_since(Instant::now())
    }

    /// What is left for work, with the reserve for reporting taken off.
    pub fn for_work(&self) -> Duration {
        self.left().saturating_sub(RESERVE)
    }
}
