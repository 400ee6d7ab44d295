//! Plans who is told what when an alert opens, rises and ends.

use std::collections::BTreeSet;

use crate::alert::Alert;
use crate::delivery::{Delivery, DeliveryStatus};
use crate::notification::{Notice, Notification};
use crate::policy::{Described, Integration, Policy};
use crate::severity::Severity;
use crate::signal::Signal;

/// Tells the receivers of a new alert; whether there are any.
pub(super) fn of_opening(alert: &mut Alert, signal: &Signal, policy: &Policy) -> bool {
    let severity = alert.severity;
    for (receiver, integration) in receivers(signal, severity, policy) {
        tell(
            alert,
            signal,
            policy,
            Telling { receiver, integration, notice: Notice::Firing, severity, waits_for: None },
        );
    }
    !alert.deliveries.is_empty()
}

/// Tells the receivers of the higher severity; whether there are any. Where the provider keeps incidents by key, the
/// lower incident is closed once the higher one is open.
pub(super) fn of_rise(alert: &mut Alert, signal: &Signal, severity: Severity, policy: &Policy) -> bool {
    let receivers = receivers(signal, severity, policy);
    for (receiver, integration) in &receivers {
        let (receiver, integration) = (receiver.clone(), *integration);
        let superseded = open_keys(alert, &receiver);
        let heir = tell(
            alert,
            signal,
            policy,
            Telling { receiver: receiver.clone(), integration, notice: Notice::Severity, severity, waits_for: None },
        );
        if integration.keeps_incidents() {
            for (severity, _) in superseded {
                let notice = Notice::Resolved;
                let receiver = receiver.clone();
                tell(alert, signal, policy, Telling { receiver, integration, notice, severity, waits_for: Some(heir) });
            }
        }
    }
    !receivers.is_empty()
}

/// Tells the end to exactly those who were told, or will be, that it began; whether there are any.
pub(super) fn of_end(alert: &mut Alert, signal: &Signal, policy: &Policy) -> bool {
    let told: BTreeSet<(String, Integration)> = alert
        .deliveries
        .iter()
        .filter(|delivery| delivery.notice.triggers() && delivery.status.tells())
        .map(|delivery| (delivery.receiver.clone(), delivery.integration))
        .collect();
    for (receiver, integration) in &told {
        if integration.keeps_incidents() {
            close_every_key(alert, signal, policy, receiver, *integration);
        } else {
            tell_the_end(alert, signal, policy, receiver, *integration);
        }
    }
    !told.is_empty()
}

/// One resolve for each key that was triggered and is not being resolved yet; those that waited for an heir go now.
fn close_every_key(alert: &mut Alert, signal: &Signal, policy: &Policy, receiver: &str, integration: Integration) {
    for delivery in alert.deliveries.iter_mut().filter(|delivery| delivery.receiver == receiver) {
        if delivery.status == DeliveryStatus::Pending {
            delivery.waits_for = None;
        }
    }
    for (severity, _) in open_keys(alert, receiver) {
        let (receiver, notice) = (receiver.to_owned(), Notice::Resolved);
        tell(alert, signal, policy, Telling { receiver, integration, notice, severity, waits_for: None });
    }
}

/// One notice of the end. What was not sent yet is not sent any more, and then this notice says that it fired, too.
fn tell_the_end(alert: &mut Alert, signal: &Signal, policy: &Policy, receiver: &str, integration: Integration) {
    let mut anything_out = false;
    for delivery in alert.deliveries.iter_mut().filter(|delivery| delivery.receiver == receiver) {
        match delivery.status {
            DeliveryStatus::Pending => delivery.status = DeliveryStatus::Cancelled,
            DeliveryStatus::Sending | DeliveryStatus::Sent => anything_out = true,
            DeliveryStatus::Failed | DeliveryStatus::Held | DeliveryStatus::Cancelled => {}
        }
    }
    let (severity, notice) = (alert.notified_severity.unwrap_or(alert.severity), Notice::Resolved);
    let receiver = receiver.to_owned();
    tell(alert, signal, policy, Telling { receiver, integration, notice, severity, waits_for: None });
    if let Some(notification) = alert.deliveries.last_mut().and_then(|delivery| delivery.notification.as_mut()) {
        notification.tells_firing_too = !anything_out;
    }
}

/// The keys that this receiver's provider holds open, or will, and that nothing closes yet; with their severities.
fn open_keys(alert: &Alert, receiver: &str) -> BTreeSet<(Severity, String)> {
    let of = |triggers: bool| {
        alert.deliveries.iter().filter(move |delivery| {
            delivery.receiver == receiver && delivery.status.tells() && delivery.notice.triggers() == triggers
        })
    };
    let closing: BTreeSet<&str> = of(false).map(|delivery| delivery.dedup_key.as_str()).collect();
    let opened: BTreeSet<&str> = of(true).map(|delivery| delivery.dedup_key.as_str()).collect();
    Severity::ALL
        .into_iter()
        .map(|severity| (severity, alert.dedup_key(severity)))
        .filter(|(_, key)| opened.contains(key.as_str()) && !closing.contains(key.as_str()))
        .collect()
}

/// Receivers that the routes name and that exist, each once, in the order of the route.
fn receivers(signal: &Signal, severity: Severity, policy: &Policy) -> Vec<(String, Integration)> {
    let mut found: Vec<(String, Integration)> = Vec::new();
    let condition = Described {
        severity,
        kind: &signal.kind,
        subject: &signal.subject,
        environment: &signal.environment,
        labels: &signal.labels,
    };
    for name in policy.routes_of(&condition).into_iter().flat_map(|route| &route.to) {
        if let Some(receiver) = policy.receivers.get(name)
            && !found.iter().any(|(seen, _)| seen == name)
        {
            found.push((name.clone(), receiver.integration));
        }
    }
    found
}

struct Telling {
    receiver: String,
    integration: Integration,
    notice: Notice,
    severity: Severity,
    waits_for: Option<i32>,
}

/// Adds a delivery after those of its receiver; answers its sequence.
fn tell(alert: &mut Alert, signal: &Signal, policy: &Policy, telling: Telling) -> i32 {
    let Telling { receiver, integration, notice, severity, waits_for } = telling;
    let of_receiver = alert.deliveries.iter().filter(|delivery| delivery.receiver == receiver);
    let sequence = of_receiver.map(|delivery| delivery.sequence + 1).max().unwrap_or(0);
    let dedup_key = alert.dedup_key(severity);
    let notification = Notification {
        notice,
        alert_id: alert.id,
        fingerprint: alert.fingerprint.clone(),
        dedup_key: dedup_key.clone(),
        severity,
        environment: alert.environment.clone(),
        kind: alert.kind.clone(),
        subject: alert.subject.clone(),
        labels: alert.labels.clone(),
        summary: signal.summary.clone(),
        source: signal.source.clone(),
        occurred_at: signal.occurred_at,
        opened_at: alert.opened_at,
        runbook: policy.runbook_for(signal).map(str::to_owned),
        tells_firing_too: false,
        notes: Vec::new(),
        text: None,
    };
    alert.deliveries.push(Delivery {
        receiver,
        integration,
        notice,
        sequence,
        dedup_key,
        status: DeliveryStatus::Pending,
        waits_for,
        held: None,
        not_before: None,
        fallback: Vec::new(),
        notification: Some(notification),
    });
    sequence
}
