//! Decides what signals mean: which alerts open, rise and end, who is told, and why anything is suppressed.
//!
//! Pure: the same function decides on the queue's path and in a replay. CONTRACTS, "Alerts" and "Deliveries", is what
//! it implements.

mod notices;
mod plan;
mod sources;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use uuid::Uuid;

use crate::alert::{Alert, CloseReason, News, SourceState};
use crate::fingerprint::{Fingerprint, hex};
use crate::policy::Policy;
use crate::severity::Severity;
use crate::signal::{Signal, SignalStatus};
pub use plan::{Decision, DeliveryChange, Plan, Reason, Verdict};
use sha2::{Digest, Sha256};
use sources::Heard;

/// A source of a fingerprint.
pub type SourceKey = (Fingerprint, String);

/// What is known before a decision, of every fingerprint that the signals speak of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The open alert of each fingerprint that has one.
    pub alerts: BTreeMap<Fingerprint, Alert>,
    /// What each source last said.
    pub sources: BTreeMap<SourceKey, SourceState>,
}

/// Decides what `signals`, received at `now`, mean in `state`.
///
/// Signals are considered by the time their sources give, whatever their order in the batch, so that an alarm and its
/// recovery that arrive together are told as both.
pub fn decide(state: State, signals: &[Signal], policy: &Policy, now: Timestamp) -> Plan {
    let mut desk = Desk { known: state.clone(), state, policy, now, ended: Vec::new(), heard: BTreeSet::new() };
    let mut order: Vec<usize> = (0..signals.len()).collect();
    order.sort_by_key(|&index| signals[index].occurred_at.min(now));
    let mut verdicts: Vec<(usize, Verdict)> =
        order.into_iter().map(|index| (index, desk.consider(&signals[index]))).collect();
    verdicts.sort_by_key(|(index, _)| *index);
    desk.into_plan(verdicts.into_iter().map(|(_, verdict)| verdict).collect())
}

/// The state as signal after signal changes it.
struct Desk<'a> {
    known: State,
    state: State,
    policy: &'a Policy,
    now: Timestamp,
    ended: Vec<Alert>,
    heard: BTreeSet<SourceKey>,
}

impl Desk<'_> {
    fn consider(&mut self, signal: &Signal) -> Verdict {
        self.expire(&signal.fingerprint);
        let open_before = self.state.alerts.get(&signal.fingerprint).map(|alert| alert.id);
        let decision = match signal.status {
            SignalStatus::None => Decision::Suppressed(Reason::NoChange),
            SignalStatus::Event => self.consider_event(signal),
            SignalStatus::Firing | SignalStatus::Resolved => self.consider_change(signal),
        };
        let alert_id = open_before.or_else(|| self.state.alerts.get(&signal.fingerprint).map(|alert| alert.id));
        let now = self.now;
        if let Some(alert) = self.find_mut(alert_id) {
            alert.signal_count += 1;
            alert.last_signal_at = now;
        }
        Verdict { signal_id: signal.id, decision, alert_id }
    }

    fn find_mut(&mut self, alert_id: Option<Uuid>) -> Option<&mut Alert> {
        self.state.alerts.values_mut().chain(&mut self.ended).find(|alert| Some(alert.id) == alert_id)
    }

    /// An event inside its window repeats what is open, unless it is worse than anybody was told.
    fn consider_event(&mut self, signal: &Signal) -> Decision {
        match self.state.alerts.get_mut(&signal.fingerprint) {
            None => self.open(signal, Some(self.event_key(signal))),
            Some(alert) => {
                alert.severity = alert.severity.max(signal.severity);
                self.raise(signal, signal.severity, Reason::Duplicate)
            }
        }
    }

    /// A source's change of status, ordered by the source's own clock.
    fn consider_change(&mut self, signal: &Signal) -> Decision {
        let key = (signal.fingerprint.clone(), signal.source.clone());
        let before = self.state.sources.get(&key);
        let was_firing = before.is_some_and(|source| source.status == SignalStatus::Firing);
        let (heard, source) = sources::hear(before, signal, self.now);
        self.state.sources.insert(key.clone(), source);
        self.heard.insert(key);
        match heard {
            Heard::Stale => return Decision::Suppressed(Reason::Stale),
            Heard::Duplicate => return Decision::Suppressed(Reason::Duplicate),
            Heard::News => {}
        }
        let worst = self.worst_firing(&signal.fingerprint);
        match (self.state.alerts.get_mut(&signal.fingerprint), worst) {
            (None, Some(_)) if signal.status == SignalStatus::Firing => self.open(signal, None),
            (None, _) => Decision::Suppressed(Reason::NothingOpen),
            (Some(alert), Some(severity)) => {
                alert.severity = severity;
                self.raise(signal, severity, Reason::NoChange)
            }
            (Some(_), None) if was_firing => self.resolve(signal),
            // Opened by an event; this source never fired, so its recovery ends nothing.
            (Some(_), None) => Decision::Suppressed(Reason::NoChange),
        }
    }

    fn worst_firing(&self, fingerprint: &Fingerprint) -> Option<Severity> {
        self.state
            .sources
            .iter()
            .filter(|((of, _), source)| of == fingerprint && source.status == SignalStatus::Firing)
            .map(|(_, source)| source.severity)
            .max()
    }

    fn open(&mut self, signal: &Signal, event_key: Option<String>) -> Decision {
        let mut alert = Alert {
            id: signal.id,
            fingerprint: signal.fingerprint.clone(),
            kind: signal.kind.clone(),
            subject: signal.subject.clone(),
            environment: signal.environment.clone(),
            labels: signal.labels.clone(),
            severity: signal.severity,
            notified_severity: None,
            news: news(signal, self.policy),
            muted: None,
            gathering: None,
            opened_at: self.now,
            last_signal_at: self.now,
            signal_count: 0,
            event_key,
            closed: None,
            deliveries: Vec::new(),
        };
        let told = notices::of_opening(&mut alert, signal, self.policy);
        alert.notified_severity = told.then_some(signal.severity);
        self.state.alerts.insert(signal.fingerprint.clone(), alert);
        if told { Decision::Opened } else { Decision::Suppressed(Reason::NoReceiver) }
    }

    fn raise(&mut self, signal: &Signal, severity: Severity, otherwise: Reason) -> Decision {
        let Some(alert) = self.state.alerts.get_mut(&signal.fingerprint) else {
            return Decision::Suppressed(otherwise);
        };
        if Some(severity) <= alert.notified_severity {
            return Decision::Suppressed(otherwise);
        }
        if !notices::of_rise(alert, signal, severity, self.policy) {
            return Decision::Suppressed(Reason::NoReceiver);
        }
        alert.notified_severity = Some(severity);
        Decision::Updated
    }

    fn resolve(&mut self, signal: &Signal) -> Decision {
        let Some(mut alert) = self.state.alerts.remove(&signal.fingerprint) else {
            return Decision::Suppressed(Reason::NothingOpen);
        };
        let told = notices::of_end(&mut alert, signal, self.policy);
        alert.closed = Some((self.now, CloseReason::Recovered));
        self.ended.push(alert);
        if told { Decision::Resolved } else { Decision::Suppressed(Reason::NoReceiver) }
    }

    /// An alert that an event opened ends silently when its window is over, unless a source fires meanwhile.
    fn expire(&mut self, fingerprint: &Fingerprint) {
        let Some(alert) = self.state.alerts.get(fingerprint) else { return };
        let ends_at = alert.opened_at.saturating_add(self.policy.dedup_window).unwrap_or(Timestamp::MAX);
        if alert.event_key.is_none() || ends_at > self.now || self.worst_firing(fingerprint).is_some() {
            return;
        }
        if let Some(mut alert) = self.state.alerts.remove(fingerprint) {
            alert.closed = Some((ends_at, CloseReason::Expired));
            self.ended.push(alert);
        }
    }

    /// Alerts that events open end without a resolve at the provider, so each has a key of its own: counted from our
    /// clock, since two of a fingerprint open at least a window apart by it, whatever dates their senders give.
    fn event_key(&self, signal: &Signal) -> String {
        let window = self.policy.dedup_window.as_secs();
        if window <= 0 {
            return hex(&Sha256::digest(&signal.idempotency_key));
        }
        self.now.as_second().div_euclid(window).to_string()
    }

    fn into_plan(self, verdicts: Vec<Verdict>) -> Plan {
        let mut plan = Plan { verdicts, ..Plan::default() };
        for key in self.heard {
            if let Some(source) = self.state.sources.get(&key)
                && self.known.sources.get(&key) != Some(source)
            {
                plan.sources.push((key, source.clone()));
            }
        }
        // An alert that ended was open before its successor: its deliveries go out first.
        for alert in self.ended.into_iter().chain(self.state.alerts.into_values()) {
            let known = self.known.alerts.get(&alert.fingerprint).filter(|known| known.id == alert.id);
            if known == Some(&alert) {
                continue;
            }
            for delivery in &alert.deliveries {
                plan.note_delivery(&alert, delivery, known);
            }
            let list = if known.is_some() { &mut plan.changed } else { &mut plan.opened };
            list.push(alert);
        }
        plan
    }
}

fn news(signal: &Signal, policy: &Policy) -> News {
    News {
        source: signal.source.clone(),
        summary: signal.summary.clone(),
        occurred_at: signal.occurred_at,
        runbook: policy.runbook_for(signal).map(str::to_owned),
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
