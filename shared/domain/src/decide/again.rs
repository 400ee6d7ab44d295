//! Decides again about open alerts without a signal: mutes that are over, reminders, escalations.

use jiff::Timestamp;

use super::desk::Desk;
use super::mutes::Verdict;
use super::notices::{Telling, tell};
use super::telling::{addressees, closed};
use super::{Plan, State};
use crate::alert::{Alert, Mute};
use crate::delivery::{Delivery, DeliveryStatus};
use crate::notification::Notice;
use crate::policy::{Integration, Policy};

/// Decides what is due at `now` about the open alerts of `state`. Applied, and asked again at the same instant, it answers
/// nothing.
pub fn decide_again(state: State, policy: &Policy, now: Timestamp) -> Plan {
    let mut desk = Desk::new(state, policy, now);
    let fingerprints: Vec<_> = desk.state.alerts.keys().cloned().collect();
    for fingerprint in fingerprints {
        if let Some(alert) = desk.state.alerts.remove(&fingerprint) {
            let alert = desk.consider_again(alert);
            desk.state.alerts.insert(fingerprint, alert);
        }
    }
    desk.into_plan(Vec::new())
}

impl Desk<'_> {
    fn consider_again(&mut self, alert: Alert) -> Alert {
        // What an event opened does not go on: its mute ends with it.
        let fires = alert.event_key.is_none() || self.worst_firing(&alert.fingerprint).is_some();
        if let Some(muted) = &alert.muted {
            let settles = muted.why == Mute::Restored && muted.until.is_some_and(|until| until > self.now);
            return if fires && !settles { self.tell_at_last(alert) } else { alert };
        }
        let mut alert = self.hold_back(alert);
        if alert.muted.is_some() {
            return alert;
        }
        if alert.acknowledged.as_ref().is_some_and(|taken| taken.until.is_none_or(|until| until > self.now)) {
            return alert;
        }
        self.remind(&mut alert);
        self.escalate(&mut alert);
        alert
    }

    /// What is about to be released is not told while something mutes the alert by now.
    fn hold_back(&mut self, mut alert: Alert) -> Alert {
        let is_due = |row: &Delivery| row.held.and_then(|held| held.until).is_some_and(|until| until <= self.now);
        if !alert.deliveries.iter().any(|row| row.notice.triggers() && is_due(row)) {
            return alert;
        }
        let Verdict::Muted(muted) = self.mute_of(&alert, Notice::Severity) else { return alert };
        alert.muted = Some(muted);
        for row in alert.deliveries.iter_mut().filter(|row| row.status == DeliveryStatus::Held) {
            (row.status, row.held) = (DeliveryStatus::Cancelled, None);
        }
        if !alert.tells_somebody() {
            alert.notified_severity = None;
        }
        alert
    }

    /// Tells people of an alert whose mute is over, and why so late.
    fn tell_at_last(&mut self, alert: Alert) -> Alert {
        let notice = if alert.tells_somebody() { Notice::Severity } else { Notice::Firing };
        if notice == Notice::Severity && alert.notified_severity >= Some(alert.severity) {
            // They know of it at this severity; what was muted since was no news to them.
            let muted = self.mute_of(&alert, notice);
            let muted = if let Verdict::Muted(muted) = muted { Some(muted) } else { None };
            return Alert { muted, ..alert };
        }
        self.announce(alert, notice, super::Decision::Opened).0
    }

    /// Reminds those who were told, except where the provider does so by itself: when it is time, and once when an
    /// acknowledgement has run out.
    fn remind(&mut self, alert: &mut Alert) {
        let Some(last_told) = last_told(alert) else { return };
        let every = self.policy.remind_every(&alert.kind, &alert.subject, alert.severity);
        let due = every.and_then(|every| last_told.saturating_add(every).ok()).is_some_and(|at| at <= self.now);
        let ran_out = alert.acknowledged.as_ref().and_then(|taken| taken.until).is_some_and(|until| last_told < until);
        if !due && !ran_out {
            return;
        }
        let waits = |name: &String| {
            let open = [DeliveryStatus::Pending, DeliveryStatus::Sending];
            alert.deliveries.iter().any(|row| row.receiver == *name && open.contains(&row.status))
        };
        // Who has not taken the last notice yet is not sent another.
        let known = |name: &String| told(alert).any(|(receiver, _)| receiver == *name) && !waits(name);
        let severity = alert.notified_severity.unwrap_or(alert.severity);
        let addressees = addressees(alert, severity, self.policy, &self.state.switched_off, self.now);
        let to_remind: Vec<_> = addressees
            .into_iter()
            .filter(|one| one.held.is_none() && !one.integration.escalates_by_itself() && known(&one.receiver))
            .collect();
        for addressee in to_remind {
            tell(alert, Telling::to(&addressee, Notice::Reminder, severity));
            if let (true, Some(taken), Some(notification)) =
                (ran_out, &alert.acknowledged, alert.deliveries.last_mut().and_then(|row| row.notification.as_mut()))
            {
                notification.notes.push(format!("The acknowledgement of {} has run out", taken.by));
            }
        }
    }

    /// Tells the next in line when nobody acknowledged in time. An acknowledgement inside a provider that escalates by
    /// itself is not known here, so what such a one has taken is left to it.
    fn escalate(&mut self, alert: &mut Alert) {
        if alert.deliveries.iter().any(|row| row.notice == Notice::Escalation)
            || told(alert).any(|(_, integration)| integration.escalates_by_itself())
        {
            return;
        }
        let Some(first_told) = first_told(alert) else { return };
        let severity = alert.notified_severity.unwrap_or(alert.severity);
        let routes = self.policy.routes_of(&alert.described(severity));
        let due = routes
            .into_iter()
            .filter(|route| closed(route, severity, self.now).is_none())
            .filter_map(|route| route.escalate.as_ref())
            .filter(|escalate| first_told.saturating_add(escalate.after).is_ok_and(|at| at <= self.now));
        let names: Vec<String> = due.flat_map(|escalate| escalate.to.clone()).collect();
        for name in names {
            if let Some(receiver) = self.policy.receivers.get(&name)
                && !alert.deliveries.iter().any(|row| row.notice == Notice::Escalation && row.receiver == name)
            {
                tell(alert, Telling::plain(&name, receiver.integration, Notice::Escalation, severity));
            }
        }
    }
}

/// Receivers that took something about the alert.
fn told(alert: &Alert) -> impl Iterator<Item = (&str, Integration)> {
    let taken = alert.deliveries.iter().filter(|row| row.notice.triggers() && row.status == DeliveryStatus::Sent);
    taken.map(|row| (row.receiver.as_str(), row.integration))
}

fn notices(alert: &Alert) -> impl Iterator<Item = Timestamp> {
    let rows = alert.deliveries.iter().filter(|row| row.notice.triggers() && row.status.tells());
    rows.filter_map(|row| row.created_at)
}

fn last_told(alert: &Alert) -> Option<Timestamp> {
    notices(alert).max()
}

fn first_told(alert: &Alert) -> Option<Timestamp> {
    notices(alert).min()
}
