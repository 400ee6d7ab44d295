//! One signal after another: what it changes, and what is decided about it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::sources::{self, Heard};
use super::telling::Told;
use super::{Bar, Decision, Ended, Joined, Plan, Reason, SourceKey, State, Verdict, mutes, notices};
use crate::alert::{Alert, CloseReason, Mute, News};
use crate::fingerprint::{Fingerprint, hex};
use crate::notification::Notice;
use crate::policy::Policy;
use crate::severity::Severity;
use crate::signal::{Signal, SignalStatus};

/// The state as signal after signal changes it.
pub(super) struct Desk<'a> {
    known: State,
    pub(super) state: State,
    pub(super) policy: &'a Policy,
    pub(super) now: Timestamp,
    pub(super) ended: Vec<Alert>,
    heard: BTreeSet<SourceKey>,
    pub(super) bars: Vec<Bar>,
    pub(super) joined: Vec<Joined>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(state: State, policy: &'a Policy, now: Timestamp) -> Self {
        let known = State { alerts: state.alerts.clone(), sources: state.sources.clone(), ..State::default() };
        let (ended, heard, bars, joined) = (Vec::new(), BTreeSet::new(), Vec::new(), Vec::new());
        Self { known, state, policy, now, ended, heard, bars, joined }
    }

    pub(super) fn consider(&mut self, signal: &Signal) -> Verdict {
        self.expire(&signal.fingerprint);
        let open_before = self.state.alerts.get(&signal.fingerprint).map(|alert| alert.id);
        let decision = match signal.status {
            SignalStatus::None => Decision::Suppressed(Reason::NoChange),
            SignalStatus::Event => self.consider_event(signal),
            SignalStatus::Firing | SignalStatus::Resolved => self.consider_change(signal),
        };
        let alert_id = open_before.or_else(|| self.state.alerts.get(&signal.fingerprint).map(|alert| alert.id));
        let now = self.now;
        let (mut by, mut until) = (None, None);
        if let Some(alert) = alert_id.and_then(|id| self.find_of(&signal.fingerprint, id)) {
            alert.signal_count += 1;
            alert.last_signal_at = now;
            (by, until) = match decision {
                Decision::Suppressed(Reason::Muted(_)) => {
                    alert.muted.as_ref().map_or((None, None), |muted| (muted.by, muted.until))
                }
                Decision::Suppressed(Reason::Held(_)) => {
                    (None, alert.deliveries.iter().filter_map(|delivery| delivery.held?.until).min())
                }
                _ => (None, None),
            };
        }
        self.bar(signal, decision, alert_id);
        Verdict { signal_id: signal.id, decision, alert_id, by, until }
    }

    pub(super) fn find_mut(&mut self, alert_id: Uuid) -> Option<&mut Alert> {
        self.state.alerts.values_mut().chain(&mut self.ended).find(|alert| alert.id == alert_id)
    }

    /// The same, of a known fingerprint, without a look at every other alert: what a signal ended is the last that is over.
    pub(super) fn find_of(&mut self, fingerprint: &Fingerprint, alert_id: Uuid) -> Option<&mut Alert> {
        let open = self.state.alerts.get_mut(fingerprint).into_iter();
        open.chain(self.ended.iter_mut().rev()).find(|alert| alert.id == alert_id)
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

    pub(super) fn worst_firing(&self, fingerprint: &Fingerprint) -> Option<Severity> {
        self.state
            .sources
            .range((fingerprint.clone(), String::new())..)
            .take_while(|((of, _), _)| of == fingerprint)
            .filter(|(_, source)| source.status == SignalStatus::Firing)
            .map(|(_, source)| source.severity)
            .max()
    }

    fn open(&mut self, signal: &Signal, event_key: Option<String>) -> Decision {
        let alert = Alert {
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
            acknowledged: None,
            gathering: None,
            opened_at: self.now,
            last_signal_at: self.now,
            signal_count: 0,
            event_key,
            closed: None,
            deliveries: Vec::new(),
        };
        let (alert, decision) = self.announce(alert, Notice::Firing, Decision::Opened);
        self.state.alerts.insert(alert.fingerprint.clone(), alert);
        decision
    }

    fn raise(&mut self, signal: &Signal, severity: Severity, otherwise: Reason) -> Decision {
        match self.state.alerts.get(&signal.fingerprint) {
            Some(alert) if Some(severity) > alert.notified_severity => {}
            _ => return Decision::Suppressed(otherwise),
        }
        let Some(mut alert) = self.state.alerts.remove(&signal.fingerprint) else {
            return Decision::Suppressed(otherwise);
        };
        // A firing signal says how it is now; a recovery of one of several sources does not.
        if signal.status != SignalStatus::Resolved {
            alert.news = news(signal, self.policy);
        }
        let notice = if alert.muted.is_some() && !alert.tells_somebody() { Notice::Firing } else { Notice::Severity };
        let (alert, decision) = self.announce(alert, notice, Decision::Updated);
        self.state.alerts.insert(alert.fingerprint.clone(), alert);
        decision
    }

    /// Tells people of an alert, unless something mutes it; what that makes of the signal that caused it.
    pub(super) fn announce(&mut self, mut alert: Alert, notice: Notice, told: Decision) -> (Alert, Decision) {
        let muted = self.mute_of(&alert, notice);
        let notice = if muted == mutes::Verdict::TellAsFlapping { Notice::Flapping } else { notice };
        if let mutes::Verdict::Muted(mut muted) = muted {
            muted.since = alert.muted.as_ref().map_or(self.now, |before| before.since);
            let why = muted.why;
            alert.muted = Some(muted);
            return (alert, Decision::Suppressed(Reason::Muted(why)));
        }
        if notice != Notice::Severity && self.joins(&mut alert) {
            return (alert, Decision::Suppressed(Reason::Muted(Mute::Grouped)));
        }
        if notice == Notice::Severity {
            notices::leave_group(&mut alert);
        }
        let why_late = alert.muted.take().map(|muted| muted.said(self.now));
        let (severity, made) = (alert.severity, alert.deliveries.len());
        let decision = match notices::of_news(&mut alert, notice, self.policy, &self.state.switched_off, self.now) {
            Told::Nobody => {
                // Others would wait for what is never told.
                alert.gathering = None;
                self.state.gathering.retain(|gatherer| gatherer.alert_id != alert.id);
                Decision::Suppressed(Reason::NoReceiver)
            }
            Told::Later(because) => {
                alert.notified_severity = Some(severity);
                Decision::Suppressed(Reason::Held(because))
            }
            Told::Now => {
                alert.notified_severity = Some(severity);
                told
            }
        };
        for delivery in &mut alert.deliveries[made..] {
            if let (Some(why), Some(notification)) = (&why_late, &mut delivery.notification) {
                notification.notes.push(why.clone());
            }
        }
        (alert, decision)
    }

    fn resolve(&mut self, signal: &Signal) -> Decision {
        let Some(mut alert) = self.state.alerts.remove(&signal.fingerprint) else {
            return Decision::Suppressed(Reason::NothingOpen);
        };
        alert.news = news(signal, self.policy);
        let muted = alert.muted.as_ref().map(|muted| Reason::Muted(muted.why));
        let held = alert.deliveries.iter().find_map(|delivery| delivery.held).map(|held| Reason::Held(held.because));
        let told = notices::of_end(&mut alert, self.policy, self.now);
        alert.closed = Some((self.now, CloseReason::Recovered));
        self.note_end(&alert);
        self.ended.push(alert);
        if told { Decision::Resolved } else { Decision::Suppressed(muted.or(held).unwrap_or(Reason::NoReceiver)) }
    }

    fn note_end(&mut self, alert: &Alert) {
        let ended = Ended { opened_at: alert.opened_at, resolved_at: self.now, flapped: mutes::flapped(alert) };
        self.state.ended.entry(alert.fingerprint.clone()).or_default().push(ended);
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

    pub(super) fn into_plan(self, verdicts: Vec<Verdict>) -> Plan {
        let mut plan = Plan { verdicts, bars: self.bars, joined: self.joined, ..Plan::default() };
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
