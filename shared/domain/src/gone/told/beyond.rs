//! What was told beyond the plan: whoever was told of the beginning has to be told of the end.

use super::{Desk, Place, place};
use crate::alert::{Alert, CloseReason};
use crate::decide::{State, decide};
use crate::delivery::{Delivery, DeliveryStatus};
use crate::gone::ids;
use crate::gone::note::Told;
use crate::notification::Notice;
use crate::policy::Integration;
use crate::severity::Severity;
use crate::signal::SignalStatus;

impl Desk<'_> {
    /// A delivery for what was told beyond the plan, to the alert that is open or was last. If that is over by now, a
    /// second one tells so.
    pub(super) fn attach(&mut self, told: &Told) -> Option<Place> {
        let integration = self.policy.receivers.get(&told.receiver)?.integration;
        let earlier = self.decided.known.get(&told.fingerprint).is_some_and(|alert| self.is_about_earlier(alert, told));
        // An incident that fires again is the same one to its provider; nobody else has heard of what fires now.
        let alert = if earlier && !integration.keeps_incidents() { None } else { self.latest(told) };
        let alert = match alert.cloned() {
            Some(alert) => alert,
            None => self.open_what_is_over(told)?,
        };
        let sequence = self.deliveries(&alert, &told.receiver).iter().map(|delivery| delivery.sequence + 1).max();
        let begun = delivery(&alert, told, integration, told.notice, sequence.unwrap_or(0));
        let place = place(alert.id, &begun);
        let end = delivery(&alert, told, integration, Notice::Resolved, begun.sequence + 1);
        self.plan.deliveries.push((alert.id, Delivery { status: DeliveryStatus::Sent, ..begun }));
        if alert.closed.is_some() {
            self.plan.deliveries.push((alert.id, end));
        }
        Some(place)
    }

    /// The alert of its condition that is open, else the last one of this plan.
    fn latest(&self, told: &Told) -> Option<&Alert> {
        self.alerts(told).find(|alert| alert.closed.is_none()).or_else(|| self.alerts(told).next_back())
    }

    /// Somebody was told of a beginning whose end came to the record before it, so that it opened nothing. They have to be
    /// told that it is over: an alert that was.
    fn open_what_is_over(&mut self, told: &Told) -> Option<Alert> {
        // A note that repeats what an earlier message says: that one has the alert.
        if told.n == 0 {
            return None;
        }
        let severity = told.severity()?;
        let is_meant = |signal: &crate::Signal| {
            signal.fingerprint == told.fingerprint
                && signal.status == SignalStatus::Firing
                && signal.severity == severity
        };
        let verdicts = self.plan.verdicts.iter_mut().zip(self.decided.signals);
        let new = verdicts.filter(|(verdict, _)| verdict.alert_id.is_none()).find(|(_, signal)| is_meant(signal));
        let (id, signal) = match new {
            Some((verdict, signal)) => (*verdict.alert_id.insert(signal.id), signal),
            // The signal was recorded before, and whoever told of it did not know.
            None => {
                let signal = self.decided.said.iter().find(|signal| is_meant(signal))?;
                (ids(&format!("{} told at {}", told.dedup_key, told.at))(), signal)
            }
        };
        let alone = decide(State::default(), std::slice::from_ref(signal), self.policy, self.decided.now);
        let mut alert = alone.opened.into_iter().next()?;
        (alert.id, alert.notified_severity) = (id, Some(severity));
        alert.closed = Some((self.decided.now, CloseReason::Recovered));
        alert.deliveries.clear();
        self.plan.opened.push(alert.clone());
        Some(alert)
    }
}

impl Told {
    /// How bad it was told to be.
    fn severity(&self) -> Option<Severity> {
        let word = self.dedup_key.split(':').nth(1)?;
        Severity::ALL.into_iter().find(|severity| severity.as_str() == word)
    }
}

/// A delivery of an alert to somebody who was told of it, not sent yet.
pub(super) fn delivery(
    alert: &Alert,
    told: &Told,
    integration: Integration,
    notice: Notice,
    sequence: i32,
) -> Delivery {
    let notification = alert.notification(notice, told.dedup_key.clone(), told.severity().unwrap_or(alert.severity));
    Delivery {
        receiver: told.receiver.clone(),
        integration,
        notice,
        sequence,
        dedup_key: told.dedup_key.clone(),
        status: DeliveryStatus::Pending,
        waits_for: None,
        held: None,
        not_before: None,
        fallback: Vec::new(),
        created_at: None,
        sent_at: None,
        notification: Some(notification),
    }
}
