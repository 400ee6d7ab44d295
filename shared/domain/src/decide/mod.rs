//! Decides what signals mean: which alerts open, rise and end, who is told, and why anything is suppressed.
//!
//! Pure: the same function decides on the queue's path and in a replay. CONTRACTS, "Alerts" and "Deliveries", is what
//! it implements.

mod again;
mod bars;
mod desk;
mod mutes;
mod notices;
mod plan;
mod sources;
mod telling;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use uuid::Uuid;

use crate::alert::{Alert, Gathering, SourceState};
use crate::fingerprint::{Fingerprint, Labels};
use crate::policy::{Described, Policy};
use crate::severity::Severity;
use crate::signal::Signal;
use crate::silence::Silence;
pub use again::decide_again;
use desk::Desk;
pub(crate) use mutes::flapped;
pub use mutes::group_of;
pub use plan::{Bar, Decision, DeliveryChange, Joined, Plan, Reason, Verdict};
pub use telling::{DELIVERY_FAILED, SYNTHETIC};

/// A source of a fingerprint.
pub type SourceKey = (Fingerprint, String);

/// What is known before a decision, of every fingerprint that the signals speak of, and of what may mute them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The open alert of each fingerprint that has one.
    pub alerts: BTreeMap<Fingerprint, Alert>,
    /// What each source last said.
    pub sources: BTreeMap<SourceKey, SourceState>,
    /// Alerts of the fingerprints that ended within the window in which changes count as flapping.
    pub ended: BTreeMap<Fingerprint, Vec<Ended>>,
    /// Open alerts that may mute others, and that somebody was told of.
    pub inhibitors: Vec<Inhibitor>,
    /// Open alerts that wait for others to be told with.
    pub gathering: Vec<Gatherer>,
    /// Silences in force.
    pub silences: Vec<Silence>,
    /// Workers that are barred, with their environment.
    pub barred: BTreeSet<(String, String)>,
    /// Receivers that are switched off.
    pub switched_off: BTreeSet<String>,
}

/// An alert of late that is over: it counts when a condition flaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When it opened.
    pub opened_at: Timestamp,
    /// When it ended.
    pub resolved_at: Timestamp,
    /// How bad it was, where it was told or muted as flapping.
    pub flapped: Option<Severity>,
}

/// An open alert that may mute others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inhibitor {
    /// Which.
    pub alert_id: Uuid,
    /// How bad it is.
    pub severity: Severity,
    /// What sort of condition.
    pub kind: String,
    /// Of what.
    pub subject: String,
    /// Where.
    pub environment: String,
    /// Identity labels.
    pub labels: Labels,
}

impl Inhibitor {
    fn described(&self) -> Described<'_> {
        Described {
            severity: self.severity,
            kind: &self.kind,
            subject: &self.subject,
            environment: &self.environment,
            labels: &self.labels,
        }
    }
}

/// An open alert that waits for others to be told with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gatherer {
    /// Which.
    pub alert_id: Uuid,
    /// What it waits for.
    pub gathering: Gathering,
}

/// Decides what `signals`, received at `now`, mean in `state`.
///
/// Signals are considered by the time their sources give, whatever their order in the batch, so that an alarm and its
/// recovery that arrive together are told as both.
pub fn decide(state: State, signals: &[Signal], policy: &Policy, now: Timestamp) -> Plan {
    let mut desk = Desk::new(state, policy, now);
    let mut order: Vec<usize> = (0..signals.len()).collect();
    order.sort_by_key(|&index| signals[index].occurred_at.min(now));
    let mut verdicts: Vec<(usize, Verdict)> =
        order.into_iter().map(|index| (index, desk.consider(&signals[index]))).collect();
    verdicts.sort_by_key(|(index, _)| *index);
    desk.into_plan(verdicts.into_iter().map(|(_, verdict)| verdict).collect())
}

#[cfg(test)]
mod calm;
#[cfg(test)]
mod combined;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
