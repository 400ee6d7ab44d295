//! What a source may say, so that it can mean it: it neither misses cycles nor mixes them.

use std::collections::HashSet;

use jiff::SignedDuration;

use super::{MOST_ATTEMPTS, MOST_CONCURRENT, Republished, Source, Upstream};
use crate::duration;
use crate::upstream::alike::two_alike;
use crate::upstream::cycles::{self, MOST_CYCLES};
use crate::upstream::joint::Joint;
use crate::upstream::listing::Requirement;

/// A run is followed for a week at most.
const LONGEST_RUN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Cycles are awaited for a month at most.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(31 * 24);
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);
/// A cycle is late for a poll at least before it has failed (template: `DataPollerFunction`).
const POLLS_COME_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// What is late only after weeks can still be awaited for a day.
const A_DAY_MORE: SignedDuration = SignedDuration::from_hours(24);
/// What is written to for longer is not published yet.
const LONGEST_SETTLING: SignedDuration = SignedDuration::from_hours(6);

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
    #[error(
        "`complete` names no keys: expected at least one pattern, as in `gfs.{{yyyymmdd}}/{{hh}}/f{{000..384..3}}`"
    )]
    NoKeys,
    /// Observations of one instrument are joined with nothing.
    #[error("`upstream.joint.of` names {0}: expected at least two upstreams")]
    NotJoint(usize),
    /// Its observations do not say when they were made.
    #[error(
        "`{0}` has no `{{time:…}}`: joined observations must say when they were made, as in `s{{time:%Y%j%H%M%S}}`"
    )]
    NoTime(String),
    /// The same is joined with itself.
    #[error("`upstream.joint.of` names `{0}` twice: expected different upstreams")]
    JoinedTwice(String),
    /// It would look again at what it cannot compare.
    #[error(
        "`republished` is \"rerun\", which says nothing beside `upstream.joint`: observations that were joined are not looked at again; expected it left out"
    )]
    NothingToCompare,
    /// Any object would complete a cycle.
    #[error(
        "`{0}` is like any number of keys: expected `complete.at_least`, how many objects a cycle has; without it the first one would complete it"
    )]
    NoNumber(String),
    /// The number that is asked for is not the one that there is.
    #[error(
        "`complete.at_least` is {at_least}, but `complete.keys` have no `*` and name {named}, of which each must be there: expected {named}, or leave it out"
    )]
    OtherNumber {
        /// How many are asked for.
        at_least: u64,
        /// How many there are.
        named: u64,
    },
    /// What is published for one cycle completes another.
    #[error(
        "`complete.keys` are the same for the cycles {one} and {other}, so that what is published for one would complete the other: {EXPECTED_TIMES}"
    )]
    Alike {
        /// One of them.
        one: String,
        /// The other.
        other: String,
    },
    /// A window would have more cycles than are ever planned.
    #[error("`look_back` is {look_back}, which is more than {MOST_CYCLES} cycles: expected less than {most}")]
    TooManyCycles {
        /// What is written.
        look_back: String,
        /// How long it may not be.
        most: String,
    },
}

/// What is expected of keys that do not tell cycles apart.
pub const EXPECTED_TIMES: &str =
    "expected the nominal time down to what tells them apart, as in `{yyyymmdd}/{hh}`, or {min} besides";

impl Source {
    /// Checks its numbers.
    ///
    /// # Errors
    /// The first that is out of range, with its key and what was expected.
    pub fn checked(self) -> Result<Self, BadSource> {
        length("late_after", self.late_after, SHORTEST, LONGEST_WAIT - A_DAY_MORE)?;
        length("expected_after", self.expected_after, SignedDuration::ZERO, self.late_after)?;
        length("look_back", self.look_back, self.late_after + POLLS_COME_EVERY, LONGEST_WAIT)?;
        length("max_runtime", self.max_runtime, SHORTEST, LONGEST_RUN)?;
        number("attempts", self.attempts, MOST_ATTEMPTS)?;
        number("concurrency", self.concurrency, MOST_CONCURRENT)?;
        match &self.upstream {
            Upstream::Objects { mirrors, requirement } => self.objects(mirrors, requirement)?,
            Upstream::Joint(joint) => self.joint(joint)?,
        }
        match cycles::too_many_in(&self.schedule, self.look_back) {
            Some(most) => Err(BadSource::TooManyCycles {
                look_back: duration::display(self.look_back),
                most: duration::display(most),
            }),
            None => Ok(self),
        }
    }

    fn objects(&self, mirrors: &[String], requirement: &Requirement) -> Result<(), BadSource> {
        if mirrors.is_empty() {
            return Err(BadSource::NoMirror);
        }
        if requirement.keys.is_empty() {
            return Err(BadSource::NoKeys);
        }
        // A cycle that settles is not late, however long it does.
        let longest = self.late_after.min(LONGEST_SETTLING);
        length("complete.settle", requirement.settle.length(), SignedDuration::ZERO, longest)?;
        match (requirement.at_least, requirement.keys.iter().find(|pattern| !pattern.names_every_key())) {
            (0, Some(pattern)) => return Err(BadSource::NoNumber(pattern.written().to_owned())),
            (1.., None) => {
                let (at_least, named) = (requirement.at_least, requirement.named());
                if at_least != named {
                    return Err(BadSource::OtherNumber { at_least, named });
                }
            }
            (0, None) | (1.., Some(_)) => {}
        }
        match two_alike(&self.schedule, &requirement.keys) {
            Some((one, other)) => Err(BadSource::Alike { one: cycles::name(one), other: cycles::name(other) }),
            None => Ok(()),
        }
    }

    fn joint(&self, joint: &Joint) -> Result<(), BadSource> {
        length("upstream.joint.within", joint.within, SignedDuration::ZERO, LONGEST_WAIT)?;
        if joint.parts.len() < 2 {
            return Err(BadSource::NotJoint(joint.parts.len()));
        }
        let mut names = HashSet::new();
        if let Some(part) = joint.parts.iter().find(|part| !names.insert(part.name.as_str())) {
            return Err(BadSource::JoinedTwice(part.name.clone()));
        }
        if joint.parts.iter().any(|part| part.mirrors.is_empty()) {
            return Err(BadSource::NoMirror);
        }
        if let Some(part) = joint.parts.iter().find(|part| !part.pattern.says_when()) {
            return Err(BadSource::NoTime(part.pattern.written().to_owned()));
        }
        match self.republished {
            Republished::Rerun => Err(BadSource::NothingToCompare),
            Republished::Ignore => Ok(()),
        }
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
