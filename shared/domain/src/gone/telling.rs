//! Whom a signal is told to when nothing is known but the watch file.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::memory::Remembered;
use super::note::Told;
use crate::decide::{State, decide};
use crate::delivery::{DeliveryStatus, Outcome};
use crate::notification::{Notice, Notification};
use crate::policy::{Described, NULL_RECEIVER, Policy, SELF_RECEIVER};
use crate::severity::Severity;
use crate::signal::{Signal, SignalStatus};

/// What is less bad than this waits for the record.
const TOLD_AT_ONCE: Severity = Severity::High;
/// What every notice says beside the signal itself.
const WITHOUT_RECORD: &str = "Postgres is gone: this is told from the watch file alone, and may repeat what you know.";

/// One notice to one receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Telling {
    /// Whom.
    pub receiver: String,
    /// Whether the provider merges what has the same key, so that a repeat wakes nobody.
    pub merges: bool,
    /// Who is told instead if it does not take it.
    pub fallback: Vec<String>,
    /// What.
    pub notification: Notification,
}

/// Whom to tell of a signal: of a firing or an event that is CRITICAL or HIGH, those whom `decide` names where nothing is
/// on record, unless they were told so within the hour; of an end, the receivers that keep incidents, for every key that
/// may be open there.
pub fn tellings(
    signal: &Signal,
    remembered: &Remembered,
    policy: &Policy,
    switched_off: &BTreeSet<String>,
    now: Timestamp,
) -> Vec<Telling> {
    match signal.status {
        _ if remembered.is_late(signal) => Vec::new(),
        SignalStatus::Firing | SignalStatus::Event if signal.severity >= TOLD_AT_ONCE => {
            beginnings(signal, remembered, policy, switched_off, now)
        }
        // An alert is open while any of its sources fires.
        SignalStatus::Resolved if remembered.fires_elsewhere(signal) => Vec::new(),
        SignalStatus::Resolved => ends(signal, policy, switched_off, now),
        SignalStatus::Firing | SignalStatus::Event | SignalStatus::None => Vec::new(),
    }
}

/// The same for the topic `self`, straight to people: none of those who should have been told could be.
pub fn break_glass(telling: &Telling, failures: &[(String, String)]) -> Telling {
    let mut notification = telling.notification.clone();
    notification.notes.push("None of its receivers could be told:".to_owned());
    notification.notes.extend(failures.iter().map(|(receiver, why)| format!("{receiver}: {why}")));
    Telling { receiver: SELF_RECEIVER.to_owned(), merges: false, fallback: Vec::new(), notification }
}

fn beginnings(
    signal: &Signal,
    remembered: &Remembered,
    policy: &Policy,
    switched_off: &BTreeSet<String>,
    now: Timestamp,
) -> Vec<Telling> {
    let state = State {
        switched_off: switched_off.clone(),
        // Nobody is barred without the record: the notice must not say so.
        barred: BTreeSet::from([(signal.subject.clone(), signal.environment.clone())]),
        ..State::default()
    };
    let plan = decide(state, std::slice::from_ref(signal), policy, now);
    let rise = remembered.is_known_below(signal.severity);
    let due = plan.deliveries.into_iter().map(|(_, delivery)| delivery).filter(|delivery| {
        delivery.notice.triggers()
            && delivery.status == DeliveryStatus::Pending
            && delivery.receiver != NULL_RECEIVER
            && !remembered.was_told(&delivery.receiver, signal.severity, now)
    });
    due.filter_map(|delivery| {
        let mut notification = delivery.notification?;
        if rise {
            notification.notice = Notice::Severity;
        }
        notification.notes.push(WITHOUT_RECORD.to_owned());
        let merges = delivery.integration.keeps_incidents();
        Some(Telling { receiver: delivery.receiver, merges, fallback: delivery.fallback, notification })
    })
    .collect()
}

fn ends(signal: &Signal, policy: &Policy, switched_off: &BTreeSet<String>, now: Timestamp) -> Vec<Telling> {
    let keepers = keepers(signal, policy);
    let on = keepers.into_iter().filter(|name| !switched_off.contains(*name));
    on.flat_map(|name| Severity::ALL.map(|severity| (name, severity)))
        .map(|(name, severity)| Telling {
            receiver: name.to_owned(),
            merges: true,
            fallback: Vec::new(),
            notification: end(signal, severity, policy, now),
        })
        .collect()
}

/// The ends that somebody who died since may have passed on of a signal, as far as anybody knows.
pub(super) fn doubtful_ends(signal: &Signal, policy: &Policy, now: Timestamp) -> Vec<Told> {
    if signal.status != SignalStatus::Resolved {
        return Vec::new();
    }
    let ends = ends(signal, policy, &BTreeSet::new(), now).into_iter();
    let told = ends.map(|Telling { receiver, notification, .. }| Told {
        n: 0,
        fingerprint: notification.fingerprint,
        receiver,
        notice: notification.notice,
        dedup_key: notification.dedup_key,
        outcome: Outcome::Ambiguous,
        provider_id: None,
        at: now,
    });
    told.collect()
}

/// Receivers that may hold an incident of this condition open, whatever its severity was.
fn keepers<'p>(signal: &Signal, policy: &'p Policy) -> BTreeSet<&'p str> {
    let at = |severity| {
        policy.routes_of(&Described {
            severity,
            kind: &signal.kind,
            subject: &signal.subject,
            environment: &signal.environment,
            labels: &signal.labels,
        })
    };
    let routes = Severity::ALL.into_iter().flat_map(at);
    let named = routes.flat_map(|route| {
        let escalated = route.escalate.iter().flat_map(|escalate| &escalate.to);
        route.to.iter().chain(&route.fallback).chain(escalated)
    });
    let keeps =
        |name: &&String| policy.receivers.get(*name).is_some_and(|receiver| receiver.integration.keeps_incidents());
    named.filter(keeps).map(String::as_str).collect()
}

fn end(signal: &Signal, severity: Severity, policy: &Policy, now: Timestamp) -> Notification {
    Notification {
        notice: Notice::Resolved,
        alert_id: signal.id,
        fingerprint: signal.fingerprint.clone(),
        dedup_key: format!("{}:{severity}", signal.fingerprint),
        severity,
        environment: signal.environment.clone(),
        kind: signal.kind.clone(),
        subject: signal.subject.clone(),
        labels: signal.labels.clone(),
        summary: signal.summary.clone(),
        source: signal.source.clone(),
        occurred_at: signal.occurred_at,
        opened_at: signal.occurred_at.min(now),
        runbook: policy.runbook_for(signal).map(str::to_owned),
        tells_firing_too: false,
        notes: vec![WITHOUT_RECORD.to_owned()],
        text: None,
    }
}
