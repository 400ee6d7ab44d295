//! A source: an upstream product, when it comes, when it is complete, and how its runs are followed.

use jiff::SignedDuration;

use super::joint::Joint;
use super::listing::Requirement;
use crate::duration;
use crate::heartbeat::Schedule;
use crate::severity::Severity;

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
/// A run is followed for a week at most.
const LONGEST_RUN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Cycles are awaited for a month at most.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(31 * 24);
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);
/// What is not done by the tenth attempt is not done by the eleventh.
pub const MOST_ATTEMPTS: u32 = 10;
/// As many runs as a provider takes at once.
pub const MOST_CONCURRENT: u32 = 1_000;

/// What is wrong with a source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSource {
    /// A length of time is out of range.
    #[error("`{key}` is {found}: expected from {from} to {to}")]
    Length {
        /// The key.
        key: &'static str,
        /// What is written.
        found: String,
        /// The least.
        from: String,
        /// The most.
        to: String,
    },
    /// A number is out of range.
    #[error("`{key}` is {found}: expected from 1 to {most}")]
    Number {
        /// The key.
        key: &'static str,
        /// What is written.
        found: u32,
        /// The most.
        most: u32,
    },
    /// Nothing says where it is published.
    #[error("`upstream` names no mirror: expected at least one")]
    NoMirror,
    /// Nothing says when it is complete.
    #[error("`complete` names no keys: expected at least one pattern, as in `gfs.{{yyyymmdd}}/{{hh}}/*`")]
    NoKeys,
    /// Observations of one instrument are joined with nothing.
    #[error("`upstream.joint.of` names {0}: expected at least two upstreams")]
    NotJoint(usize),
    /// Its observations do not say when they were made.
    #[error(
        "`{0}` has no `{{time:…}}`: joined observations must say when they were made, as in `s{{time:%Y%j%H%M%S}}`"
    )]
    NoTime(String),
}

impl Source {
    /// Checks its numbers.
    ///
    /// # Errors
    /// The first that is out of range, with its key and what was expected.
    pub fn checked(self) -> Result<Self, BadSource> {
        length("late_after", self.late_after, SHORTEST, LONGEST_WAIT)?;
        length("expected_after", self.expected_after, SignedDuration::ZERO, self.late_after)?;
        length("look_back", self.look_back, self.late_after, LONGEST_WAIT)?;
        length("max_runtime", self.max_runtime, SHORTEST, LONGEST_RUN)?;
        number("attempts", self.attempts, MOST_ATTEMPTS)?;
        number("concurrency", self.concurrency, MOST_CONCURRENT)?;
        match &self.upstream {
            Upstream::Objects { mirrors, .. } if mirrors.is_empty() => return Err(BadSource::NoMirror),
            Upstream::Objects { requirement, .. } if requirement.keys.is_empty() => return Err(BadSource::NoKeys),
            Upstream::Objects { .. } => {}
            Upstream::Joint(joint) => {
                length("upstream.joint.within", joint.within, SignedDuration::ZERO, LONGEST_WAIT)?;
                if joint.parts.len() < 2 {
                    return Err(BadSource::NotJoint(joint.parts.len()));
                }
                if joint.parts.iter().any(|part| part.mirrors.is_empty()) {
                    return Err(BadSource::NoMirror);
                }
                if let Some(part) = joint.parts.iter().find(|part| !part.pattern.says_when()) {
                    return Err(BadSource::NoTime(part.pattern.written().to_owned()));
                }
            }
        }
        Ok(self)
    }
}

fn length(key: &'static str, found: SignedDuration, from: SignedDuration, to: SignedDuration) -> Result<(), BadSource> {
    if (from..=to).contains(&found) {
        return Ok(());
    }
    let found = match found.checked_neg() {
        Some(positive) if found.is_negative() => format!("-{}", duration::display(positive)),
        _ => duration::display(found),
    };
    Err(BadSource::Length { key, found, from: duration::display(from), to: duration::display(to) })
}

fn number(key: &'static str, found: u32, most: u32) -> Result<(), BadSource> {
    if (1..=most).contains(&found) { Ok(()) } else { Err(BadSource::Number { key, found, most }) }
}
