//! Rules of telling without the record, one idea per test.

mod incidents;
mod settling;
mod telling;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::alert::{Alert, Gathering};
use crate::decide::{Plan, State, decide};
use crate::delivery::{Delivery, DeliveryStatus, Outcome};
use crate::policy::{Integration, Matcher, Policy, Receiver, Route};
use crate::{Fingerprint, Notice, Severity, Signal, SignalStatus};

fn at(text: &str) -> Timestamp {
    format!("2026-03-01T{text}Z").parse().expect("a time of day")
}

/// CRITICAL and HIGH go to PagerDuty and mail, the rest to the hook.
fn policy() -> Policy {
    let receiver = |integration| Receiver { integration, switch: None };
    Policy {
        environment: "prod".into(),
        namespace: "N".into(),
        metric_severity: BTreeMap::new(),
        metric_runbook: BTreeMap::new(),
        receivers: [
            ("on-call".to_owned(), receiver(Integration::Pagerduty)),
            ("mail".to_owned(), receiver(Integration::Sns)),
            ("hook".to_owned(), receiver(Integration::Webhook)),
            ("self".to_owned(), receiver(Integration::Sns)),
        ]
        .into(),
        routes: vec![Route {
            when: Matcher { severity: vec![Severity::Critical, Severity::High], ..Matcher::default() },
            to: vec!["on-call".into(), "mail".into()],
            ..Route::default()
        }],
        default_route: Route { to: vec!["hook".into()], ..Route::default() },
        classify: vec![],
        inhibit: vec![],
        quarantine: vec![],
        dedup_window: SignedDuration::from_hours(1),
        digest_every: None,
        flapping: None,
        remind_every: BTreeMap::new(),
        heartbeat_remind_every: BTreeMap::new(),
    }
}

fn says(status: SignalStatus, severity: Severity, occurred_at: &str) -> Signal {
    let fingerprint = Fingerprint::of("prod", "metric", "Q/Depth", &BTreeMap::new());
    Signal {
        id: Uuid::from_u128(7),
        idempotency_key: format!("{occurred_at}/{status:?}/{severity}"),
        occurred_at: at(occurred_at),
        source: "alarm".into(),
        sender: "topic:alarms".into(),
        kind: "metric".into(),
        subject: "Q/Depth".into(),
        environment: "prod".into(),
        status,
        severity,
        fingerprint,
        labels: BTreeMap::new(),
        summary: "deep".into(),
        runbook: None,
        body: "{}".into(),
    }
}

fn fires(severity: Severity, occurred_at: &str) -> Signal {
    says(SignalStatus::Firing, severity, occurred_at)
}

/// Whom a sandbox that remembers this tells now: receiver, notice and severity.
fn told_now(signal: &Signal, remembered: &Remembered, now: &str) -> Vec<String> {
    let tellings = tellings(signal, remembered, &policy(), &BTreeSet::new(), at(now));
    let words = |telling: &Telling| {
        let notification = &telling.notification;
        format!("{} {} {}", telling.receiver, notification.notice.as_str(), notification.severity)
    };
    tellings.iter().map(words).collect()
}

/// The note of everybody having taken what a sandbox tells now.
fn taken(signal: &Signal, remembered: &mut Remembered, now: &str) -> Vec<Told> {
    let tellings = tellings(signal, remembered, &policy(), &BTreeSet::new(), at(now));
    let told: Vec<Told> = tellings.iter().map(|telling| took(telling, now)).collect();
    remembered.hear(signal, at(now));
    for told in &told {
        remembered.remember(signal.severity, told);
    }
    told
}

fn took(telling: &Telling, now: &str) -> Told {
    Told {
        n: 1,
        fingerprint: telling.notification.fingerprint.clone(),
        receiver: telling.receiver.clone(),
        notice: telling.notification.notice,
        dedup_key: telling.notification.dedup_key.clone(),
        outcome: Outcome::Accepted,
        provider_id: None,
        at: at(now),
    }
}

/// What the record makes of signals and of a note, where nothing was open.
fn recorded(signals: &[Signal], told: &[Told], now: &str) -> Plan {
    let known = BTreeMap::new();
    let mut plan = decide(State::default(), signals, &policy(), at(now));
    mark(
        &mut plan,
        &Decided { known: &known, signals, said: signals, recorded: &[], came_before: false, ended: &[], now: at(now) },
        told,
        &policy(),
    );
    plan
}

/// Receiver, notice and status of every delivery of a plan.
fn deliveries(plan: &Plan) -> Vec<String> {
    let words = |(_, delivery): &(Uuid, crate::delivery::Delivery)| {
        format!("{} {} {}", delivery.receiver, delivery.notice.as_str(), delivery.status.as_str())
    };
    plan.deliveries.iter().map(words).collect()
}
