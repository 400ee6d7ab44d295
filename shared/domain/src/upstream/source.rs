//! A source: an upstream product, when it comes, when it is complete, and how its runs are followed.

mod checked;

use jiff::SignedDuration;

use super::joint::Joint;
use super::listing::Requirement;
use crate::heartbeat::Schedule;
use crate::severity::Severity;

pub use checked::{BadSource, EXPECTED_TIMES};

/// An upstream product.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Its nominal times.
    pub schedule: Schedule,
    /// How long after its nominal time a cycle is usually complete upstream.
    pub expected_after: SignedDuration,
    /// How long after its nominal time a cycle that is not complete upstream is late.
    pub late_after: SignedDuration,
    /// How old a cycle may be and still be materialised, released or awaited without being asked for; what upstream has not
    /// published by then has failed.
    pub look_back: SignedDuration,
    /// Where it is published, and when it is complete there.
    pub upstream: Upstream,
    /// What becomes of a cycle that upstream publishes again.
    pub republished: Republished,
    /// How long a run may take, from its trigger to its end.
    pub max_runtime: SignedDuration,
    /// How often a cycle may be triggered.
    pub attempts: u32,
    /// How many of its runs may be under way at once.
    pub concurrency: u32,
    /// How long after its nominal time the heartbeat on it turns down, where there is one: a retry comes in time for that.
    pub answer_by: Option<SignedDuration>,
    /// How bad it is when a run has failed.
    pub severity: Severity,
    /// How bad it is when upstream is late.
    pub late_severity: Severity,
    /// What it is about, for people.
    pub summary: Option<String>,
    /// Where it says what to do.
    pub runbook: Option<String>,
}

/// Where cycles are published.
#[derive(Clone, Debug, PartialEq)]
pub enum Upstream {
    /// As objects, the same at several mirrors.
    Objects {
        /// The mirrors' names, in the order in which they are asked.
        mirrors: Vec<String>,
        /// When a cycle is complete.
        requirement: Requirement,
    },
    /// As observations of several instruments that must be close to each other.
    Joint(Joint),
}

/// What becomes of a cycle that upstream publishes again after it was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Republished {
    /// Nothing; it is not looked at again.
    Ignore,
    /// It is processed again, at most [`MOST_RERUNS`] times.
    Rerun,
}

/// A source that is published again and again is not processed for ever.
pub const MOST_RERUNS: u32 = 3;
/// What is not done by the tenth attempt is not done by the eleventh.
pub const MOST_ATTEMPTS: u32 = 10;
/// As many runs as a provider takes at once.
pub const MOST_CONCURRENT: u32 = 1_000;
