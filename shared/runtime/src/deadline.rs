//! The end of an invocation, and how much of it is left to work with.

use std::time::{Duration, Instant, SystemTime};

use lambda_runtime::Context;

/// Time kept back to record what was done: work that is cut off by Lambda is work of unknown outcome.
const TO_RECORD: Duration = Duration::from_secs(2);
/// Time kept back to answer and to log.
const TO_ANSWER: Duration = Duration::from_millis(400);

/// When Lambda ends the invocation, measured on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    ends_at: Instant,
}

impl Deadline {
    /// The deadline that came with an invocation.
    pub fn of(context: &Context) -> Self {
        // Lambda gives wall-clock time; only the distance to it is used, so a skewed clock shifts nothing else.
        #[expect(
            clippy::disallowed_methods,
            reason = "Lambda's deadline is wall-clock time, and nothing is decided by it"
        )]
        let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
        Self { ends_at: Instant::now() + left }
    }

    /// All that is left, until Lambda ends the process.
    pub fn left(&self) -> Duration {
        self.ends_at.saturating_duration_since(Instant::now())
    }

    /// What is left for work, the time to record it taken off.
    pub fn for_work(&self) -> Duration {
        self.left().saturating_sub(TO_RECORD)
    }

    /// What is left to record work that was done, the time to answer taken off.
    pub fn for_recording(&self) -> Duration {
        self.left().saturating_sub(TO_ANSWER)
    }
}
