//! What a sandbox remembers while the record is gone, so that it does not tell the same people the same thing again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::note::Told;
use crate::delivery::Outcome;
use crate::fingerprint::Fingerprint;
use crate::severity::Severity;
use crate::signal::{Signal, SignalStatus};

/// How long nobody is told the same again (CONTRACTS, "Postgres gone").
const REPEAT_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// How many conditions are remembered at most, some kilobytes each. Beyond that the oldest are told again: a storm must
/// not cost the sandbox its memory.
const MOST: usize = 5_000;

/// What was told of which condition.
#[derive(Clone, Debug, Default)]
pub struct Memory(BTreeMap<Fingerprint, Remembered>);

/// What was told of one condition, and what its sources said.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    accepted: Vec<Accepted>,
    heard: BTreeMap<String, (SignalStatus, Timestamp)>,
    touched_at: Option<Timestamp>,
}

/// A notice that a receiver took.
#[derive(Clone, Debug)]
struct Accepted {
    severity: Severity,
    /// Its condition has ended since: the receiver need not hear of the next so soon, but of that it was not told.
    over: bool,
    told: Told,
}

impl Memory {
    /// Takes out what is remembered of a condition, to be put back by [`keep`](Self::keep).
    pub fn take(&mut self, fingerprint: &Fingerprint) -> Remembered {
        self.0.remove(fingerprint).unwrap_or_default()
    }

    /// Puts back what is remembered of a condition.
    pub fn keep(&mut self, fingerprint: Fingerprint, remembered: Remembered, now: Timestamp) {
        self.0.insert(fingerprint, Remembered { touched_at: Some(now), ..remembered });
    }

    /// Forgets what is too old to matter, and the oldest of what is too much.
    pub fn forget(&mut self, now: Timestamp) {
        self.0.retain(|_, remembered| remembered.touched_at.is_some_and(|at| is_recent(at, now)));
        if self.0.len() > MOST {
            let mut ages: Vec<Option<Timestamp>> = self.0.values().map(|remembered| remembered.touched_at).collect();
            ages.sort_unstable();
            let oldest_kept = ages.get(ages.len() - MOST).copied().flatten();
            self.0.retain(|_, remembered| remembered.touched_at >= oldest_kept);
        }
    }
}

impl Remembered {
    /// Whether its source has said the contrary since. At equal instants firing wins.
    pub fn is_late(&self, signal: &Signal) -> bool {
        let Some((status, at)) = self.heard.get(&signal.source) else { return false };
        match (signal.status, status) {
            (SignalStatus::Resolved, SignalStatus::Firing) => *at >= signal.occurred_at,
            (SignalStatus::Firing, SignalStatus::Resolved) => *at > signal.occurred_at,
            _ => false,
        }
    }

    /// Whether another source has said that it fires, and not that this is over.
    pub(super) fn fires_elsewhere(&self, signal: &Signal) -> bool {
        let mut others = self.heard.iter().filter(|(source, _)| **source != signal.source);
        others.any(|(_, (status, _))| *status == SignalStatus::Firing)
    }

    /// Remembers what a source says.
    pub fn hear(&mut self, signal: &Signal, now: Timestamp) {
        if matches!(signal.status, SignalStatus::Firing | SignalStatus::Resolved) && !self.is_late(signal) {
            let at = signal.occurred_at.min(now);
            self.heard.insert(signal.source.clone(), (signal.status, at));
        }
    }

    /// Whether a receiver was told within the hour that it is at least so bad.
    pub fn was_told(&self, receiver: &str, severity: Severity, now: Timestamp) -> bool {
        self.accepted.iter().any(|accepted| {
            accepted.told.receiver == receiver && accepted.severity >= severity && is_recent(accepted.told.at, now)
        })
    }

    /// Whether anybody was told of this occurrence of it at all: what is worse is then a rise.
    pub(super) fn is_known_below(&self, severity: Severity) -> bool {
        self.accepted.iter().any(|accepted| !accepted.over && accepted.severity < severity)
    }

    /// Remembers a try at telling of a signal, if it was taken.
    pub fn remember(&mut self, severity: Severity, told: &Told) {
        if told.outcome == Outcome::Accepted && told.notice.triggers() {
            self.accepted.push(Accepted { severity, over: false, told: told.clone() });
        }
    }

    /// Its end was passed on to some receivers. They are told at once when it begins again; others, which hear of the end
    /// from the record only, are told no more than once in an hour.
    pub fn end(&mut self, passed_on_to: &[&str]) {
        self.accepted.retain(|accepted| !passed_on_to.contains(&accepted.told.receiver.as_str()));
        for accepted in &mut self.accepted {
            accepted.over = true;
        }
    }

    /// Who was told of this occurrence of it by earlier messages: every message about it has to say so, since nobody knows
    /// which of them is recorded first.
    pub fn told(&self) -> Vec<Told> {
        let current = self.accepted.iter().filter(|accepted| !accepted.over);
        current.map(|accepted| Told { n: 0, ..accepted.told.clone() }).collect()
    }
}

fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) < REPEAT_AFTER
}
