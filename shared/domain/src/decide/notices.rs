//! Plans who is told what when an alert opens, rises and ends.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::telling::{Addressee, Told, addressees, closed};
use crate::alert::Alert;
use crate::delivery::{Delivery, DeliveryStatus, Held};
use crate::notification::Notice;
use crate::policy::{Integration, Policy};
use crate::severity::Severity;

/// Tells the receivers of an alert that opened, rose, or may be told at last. Where the provider keeps incidents by key,
/// those of a lower severity are closed once the new one is open.
pub(super) fn of_news(
    alert: &mut Alert,
    notice: Notice,
    policy: &Policy,
    switched_off: &BTreeSet<String>,
    now: Timestamp,
) -> Told {
    let severity = alert.severity;
    let not_before = alert.gathering.as_ref().map(|gathering| gathering.until).filter(|until| *until > now);
    let addressees = addressees(alert, severity, policy, switched_off, now);
    for addressee in &addressees {
        cancel_held(alert, &addressee.receiver);
        if was_told_so(alert, addressee, severity) {
            continue;
        }
        let superseded = open_keys(alert, &addressee.receiver);
        let telling = Telling { not_before, ..Telling::to(addressee, notice, severity) };
        let heir = tell(alert, telling);
        if addressee.integration.keeps_incidents() && addressee.held.is_none() {
            for (lower, _) in superseded.into_iter().filter(|(other, _)| *other != severity) {
                let telling = Telling::to(addressee, Notice::Resolved, lower);
                tell(alert, Telling { waits_for: Some(heir), ..telling });
            }
        }
    }
    match addressees.first() {
        None => Told::Nobody,
        Some(_) if addressees.iter().any(|addressee| addressee.held.is_none()) => Told::Now,
        Some(first) => first.held.map_or(Told::Now, |held| Told::Later(held.because)),
    }
}

/// Whether somebody knows already how bad it is: they were told without the record, and that is on record by now. Where
/// the provider merges, once more does no harm, and opens what somebody may have closed.
fn was_told_so(alert: &Alert, addressee: &Addressee, severity: Severity) -> bool {
    let key = alert.dedup_key(severity);
    !addressee.integration.keeps_incidents()
        && alert.deliveries.iter().any(|delivery| {
            delivery.receiver == addressee.receiver
                && delivery.notice.triggers()
                && delivery.status == DeliveryStatus::Sent
                && delivery.dedup_key == key
        })
}

/// An alert that got worse waits for nobody: what it would have been told with goes out at once. Where that is held and
/// will now be cancelled, whoever is named on it is told apart.
pub(super) fn leave_group(alert: &mut Alert) {
    let Some(gathering) = &mut alert.gathering else { return };
    gathering.until = alert.opened_at;
    if alert.deliveries.iter().any(|delivery| delivery.status == DeliveryStatus::Held) {
        alert.gathering = None;
    }
    for delivery in &mut alert.deliveries {
        if delivery.status == DeliveryStatus::Pending {
            delivery.not_before = None;
        }
    }
}

/// What was held for a receiver is outdated by what it is told now.
fn cancel_held(alert: &mut Alert, receiver: &str) {
    for delivery in alert.deliveries.iter_mut().filter(|delivery| delivery.receiver == receiver) {
        if delivery.status == DeliveryStatus::Held {
            (delivery.status, delivery.held) = (DeliveryStatus::Cancelled, None);
        }
    }
}

/// Tells the end to exactly those who were told, or will be, that it began; whether there are any. What is held is not
/// told any more.
pub(super) fn of_end(alert: &mut Alert, policy: &Policy, now: Timestamp) -> bool {
    let told: BTreeSet<(String, Integration)> = alert
        .deliveries
        .iter()
        .filter(|delivery| delivery.notice.triggers() && delivery.status.tells())
        .map(|delivery| (delivery.receiver.clone(), delivery.integration))
        .collect();
    let everybody: BTreeSet<String> = alert.deliveries.iter().map(|delivery| delivery.receiver.clone()).collect();
    everybody.iter().for_each(|receiver| cancel_held(alert, receiver));
    for (receiver, integration) in &told {
        if integration.keeps_incidents() {
            close_every_key(alert, receiver, *integration);
        } else {
            let held = held_at_the_end(alert, receiver, policy, now);
            tell_the_end(alert, receiver, *integration, held);
        }
    }
    !told.is_empty()
}

/// Outside the hours of its route a receiver hears of the end when they begin.
fn held_at_the_end(alert: &Alert, receiver: &str, policy: &Policy, now: Timestamp) -> Option<Held> {
    let severity = alert.notified_severity.unwrap_or(alert.severity);
    let routes = policy.routes_of(&alert.described(severity));
    let route = routes.into_iter().find(|route| route.to.iter().any(|name| name == receiver))?;
    closed(route, severity, now)
}

/// One resolve for each key that was triggered and is not being resolved yet; those that waited for an heir go now.
fn close_every_key(alert: &mut Alert, receiver: &str, integration: Integration) {
    for delivery in alert.deliveries.iter_mut().filter(|delivery| delivery.receiver == receiver) {
        if delivery.status == DeliveryStatus::Pending {
            delivery.waits_for = None;
        }
    }
    for (severity, _) in open_keys(alert, receiver) {
        tell(alert, Telling::plain(receiver, integration, Notice::Resolved, severity));
    }
}

/// One notice of the end. What was not sent yet is not sent any more, and then this notice says that it fired, too.
fn tell_the_end(alert: &mut Alert, receiver: &str, integration: Integration, held: Option<Held>) {
    let (mut anything_out, gathered) = (false, alert.gathering.is_some());
    for delivery in alert.deliveries.iter_mut().filter(|delivery| delivery.receiver == receiver) {
        match delivery.status {
            // Others are named on it, and hear of nothing else.
            DeliveryStatus::Pending if gathered && delivery.notice.triggers() => anything_out = true,
            DeliveryStatus::Pending => delivery.status = DeliveryStatus::Cancelled,
            DeliveryStatus::Sending | DeliveryStatus::Sent => anything_out = true,
            DeliveryStatus::Failed | DeliveryStatus::Held | DeliveryStatus::Cancelled => {}
        }
    }
    let severity = alert.notified_severity.unwrap_or(alert.severity);
    tell(alert, Telling { held, ..Telling::plain(receiver, integration, Notice::Resolved, severity) });
    if let Some(notification) = alert.deliveries.last_mut().and_then(|delivery| delivery.notification.as_mut()) {
        notification.tells_firing_too = !anything_out;
    }
}

/// The keys that this receiver's provider holds open, or will, and that nothing closes after that; with their severities. A
/// key that was superseded may have been opened again.
fn open_keys(alert: &Alert, receiver: &str) -> BTreeSet<(Severity, String)> {
    let is_open = |key: &str| {
        let rows = alert.deliveries.iter().filter(|delivery| delivery.receiver == receiver && delivery.status.tells());
        let last = rows.filter(|delivery| delivery.dedup_key == key).max_by_key(|delivery| delivery.sequence);
        last.is_some_and(|delivery| delivery.notice.triggers())
    };
    let keys = Severity::ALL.into_iter().map(|severity| (severity, alert.dedup_key(severity)));
    keys.filter(|(_, key)| is_open(key)).collect()
}

/// A row to be made.
pub(super) struct Telling {
    receiver: String,
    integration: Integration,
    pub(super) notice: Notice,
    severity: Severity,
    waits_for: Option<i32>,
    held: Option<Held>,
    not_before: Option<Timestamp>,
    fallback: Vec<String>,
}

impl Telling {
    /// To somebody whom the routes name.
    pub(super) fn to(addressee: &Addressee, notice: Notice, severity: Severity) -> Self {
        let Addressee { receiver, integration, fallback, held } = addressee.clone();
        Self { held, fallback, ..Self::plain(&receiver, integration, notice, severity) }
    }

    /// At once, without a fallback.
    pub(super) fn plain(receiver: &str, integration: Integration, notice: Notice, severity: Severity) -> Self {
        Self {
            receiver: receiver.to_owned(),
            integration,
            notice,
            severity,
            waits_for: None,
            held: None,
            not_before: None,
            fallback: Vec::new(),
        }
    }
}

/// Adds a delivery after those of its receiver; answers its sequence.
pub(super) fn tell(alert: &mut Alert, telling: Telling) -> i32 {
    let Telling { receiver, integration, notice, severity, waits_for, held, not_before, fallback } = telling;
    let of_receiver = alert.deliveries.iter().filter(|delivery| delivery.receiver == receiver);
    let sequence = of_receiver.map(|delivery| delivery.sequence + 1).max().unwrap_or(0);
    let dedup_key = alert.dedup_key(severity);
    let notification = alert.notification(notice, dedup_key.clone(), severity);
    alert.deliveries.push(Delivery {
        receiver,
        integration,
        notice,
        sequence,
        dedup_key,
        status: if held.is_some() { DeliveryStatus::Held } else { DeliveryStatus::Pending },
        waits_for,
        held,
        not_before,
        fallback,
        created_at: None,
        sent_at: None,
        notification: Some(notification),
    });
    sequence
}
