//! How long each step of moving rows took, for the answer: what is slow is seen without looking for it.

use std::time::Duration;

use serde_json::{Value, json};

/// What the steps of a policy's batches took together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seconds {
    /// Looking for the rows of the next batch.
    pub(crate) plan: Duration,
    /// Reading rows and writing them as Parquet, parts of which are sent meanwhile.
    pub(crate) export: Duration,
    /// Sending the rest of the object, and waiting until S3 has it.
    pub(crate) upload: Duration,
    /// Reading the object back, and comparing it.
    pub(crate) verify: Duration,
    /// Deleting rows; the waits for others are part of it.
    pub(crate) delete: Duration,
}

impl Seconds {
    /// As the answer has it: seconds, to the millisecond.
    pub(crate) fn value(&self) -> Value {
        let rounded = |step: Duration| (step.as_secs_f64() * 1_000.0).round() / 1_000.0;
        json!({
            "plan": rounded(self.plan),
            "export": rounded(self.export),
            "upload": rounded(self.upload),
            "verify": rounded(self.verify),
            "delete": rounded(self.delete),
        })
    }
}
