//! What every run answers: what it looked at, what it did, and by name what it skipped, failed and left.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

/// How a run went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything was done.
    #[default]
    Ok,
    /// Something failed or is left, by name.
    Partial,
}

impl Outcome {
    /// The word in the column `ledger.outcome`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
        }
    }
}

/// Something that was not done on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// What.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What.
    pub name: String,
    /// Why, without secrets.
    pub error: String,
}

/// The answer of a run (CONTRACTS, "Payloads"). A function flattens its own results into it.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Which function.
    pub function: &'static str,
    /// Which release: the version that Lambda runs.
    pub release: String,
    /// Where.
    pub environment: String,
    /// This run.
    pub run_id: Uuid,
    /// The clock that decided.
    pub now: Timestamp,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// How it went; [`finished`](Self::finished) sets it.
    pub outcome: Outcome,
    /// Counts of what was looked at.
    pub looked_at: BTreeMap<&'static str, u64>,
    /// Counts of what was done.
    pub did: BTreeMap<&'static str, u64>,
    /// What was not done on purpose.
    pub skipped: Vec<Skipped>,
    /// What went wrong.
    pub failed: Vec<Failure>,
    /// What is left for the next run.
    pub remaining: Vec<String>,
}

impl Summary {
    /// An empty summary of a run that decides by `now`.
    pub fn new(function: &'static str, environment: &str, now: Timestamp, dry_run: bool) -> Self {
        Self {
            function,
            release: release(),
            environment: environment.to_owned(),
            run_id: Uuid::now_v7(),
            now,
            dry_run,
            duration_ms: 0,
            outcome: Outcome::Ok,
            looked_at: BTreeMap::new(),
            did: BTreeMap::new(),
            skipped: Vec::new(),
            failed: Vec::new(),
            remaining: Vec::new(),
        }
    }

    /// Adds to a count of what was looked at.
    pub fn looked_at(&mut self, what: &'static str, count: usize) {
        *self.looked_at.entry(what).or_default() += count as u64;
    }

    /// Adds to a count of what was done.
    pub fn did(&mut self, what: &'static str, count: usize) {
        *self.did.entry(what).or_default() += count as u64;
    }

    /// Notes something that was not done on purpose.
    pub fn skipped(&mut self, name: impl Into<String>, reason: impl Into<String>) {
        self.skipped.push(Skipped { name: name.into(), reason: reason.into() });
    }

    /// Notes something that went wrong.
    pub fn failed(&mut self, name: impl Into<String>, error: impl Into<String>) {
        self.failed.push(Failure { name: name.into(), error: error.into() });
    }

    /// Closes the summary after `took`.
    #[must_use]
    pub fn finished(mut self, took: Duration) -> Self {
        self.duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let clean = self.failed.is_empty() && self.remaining.is_empty();
        self.outcome = if clean { Outcome::Ok } else { Outcome::Partial };
        self
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "Lambda names the running version in the environment, and no setting of ours"
)]
fn release() -> String {
    std::env::var("AWS_LAMBDA_FUNCTION_VERSION").unwrap_or_else(|_| "$LATEST".to_owned())
}
