//! A record in memory: applies plans as the store does, and takes every notice for sent at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::Page;
use crate::alert::Alert;
use crate::decide::{Ended, Gatherer, Inhibitor, Plan, State, decide, decide_again, flapped};
use crate::delivery::DeliveryStatus;
use crate::fingerprint::Fingerprint;
use crate::notification::Notice;
use crate::policy::Policy;
use crate::signal::Signal;
use crate::silence::Silence;

/// How often open alerts are looked at between signals, as the retry tick does.
const TICK: SignedDuration = SignedDuration::from_mins(1);

/// One world of a replay: a policy, and what has come of the signals so far.
#[derive(Debug)]
pub(super) struct Memory<'a> {
    policy: &'a Policy,
    silences: &'a [Silence],
    state: State,
    now: Timestamp,
    pages: Vec<Page>,
}

impl<'a> Memory<'a> {
    pub(super) fn new(policy: &'a Policy, silences: &'a [Silence], since: Timestamp) -> Self {
        Self { policy, silences, state: State::default(), now: since, pages: Vec::new() }
    }

    /// Hears signals that were received together.
    pub(super) fn hear(&mut self, signals: &[Signal], received_at: Timestamp) {
        self.pass_time(received_at);
        let spoken_of: BTreeSet<Fingerprint> = signals.iter().map(|signal| signal.fingerprint.clone()).collect();
        let plan = decide(self.seen_from(received_at, &spoken_of), signals, self.policy, received_at);
        self.apply(&plan, received_at);
    }

    /// Lets time pass: what was muted or held is told when that is over, people are reminded.
    pub(super) fn pass_time(&mut self, until: Timestamp) {
        while let Ok(next) = self.now.checked_add(TICK)
            && next <= until
        {
            let open = self.state.alerts.values().filter(|alert| self.may_be_due(alert));
            let due: BTreeSet<Fingerprint> = open.map(|alert| alert.fingerprint.clone()).collect();
            if due.is_empty() {
                break;
            }
            self.now = next;
            self.release(next);
            let plan = decide_again(self.seen_from(next, &due), self.policy, next);
            self.apply(&plan, next);
        }
        self.now = self.now.max(until);
    }

    /// Who was told what until now; asked again, what is new since.
    pub(super) fn take_pages(&mut self) -> Vec<Page> {
        std::mem::take(&mut self.pages)
    }

    fn may_be_due(&self, alert: &Alert) -> bool {
        let policy = self.policy;
        let escalates = policy.routes.iter().any(|route| route.escalate.is_some());
        alert.muted.is_some()
            || escalates
            || policy.remind_every(&alert.kind, &alert.subject, alert.severity).is_some()
            || alert.deliveries.iter().any(|row| row.status == DeliveryStatus::Held)
    }

    /// What the store would read of these fingerprints, and beside them.
    fn seen_from(&mut self, now: Timestamp, fingerprints: &BTreeSet<Fingerprint>) -> State {
        let forgotten = self.policy.flapping.and_then(|rule| now.checked_sub(rule.within).ok()).unwrap_or(now);
        self.state.ended.retain(|_, ended| {
            ended.retain(|one| one.resolved_at > forgotten);
            !ended.is_empty()
        });
        let told = |alert: &&Alert| alert.deliveries.iter().any(|row| row.status == DeliveryStatus::Sent);
        let open = || self.state.alerts.values();
        let inhibitors = if self.policy.inhibit.is_empty() {
            Vec::new()
        } else {
            open().filter(|alert| alert.muted.is_none()).filter(told).map(inhibitor).collect()
        };
        let gathering = open()
            .filter_map(|alert| {
                let gathering = alert.gathering.clone()?;
                Some(Gatherer { alert_id: alert.id, gathering })
            })
            .collect();
        let silences = self.silences.to_vec();
        let of = |map: &BTreeMap<Fingerprint, Alert>| -> BTreeMap<Fingerprint, Alert> {
            fingerprints.iter().filter_map(|one| map.get(one).map(|alert| (one.clone(), alert.clone()))).collect()
        };
        let sources = fingerprints.iter().flat_map(|one| {
            let from_there = self.state.sources.range((one.clone(), String::new())..);
            from_there.take_while(move |((of, _), _)| of == one).map(|(key, source)| (key.clone(), source.clone()))
        });
        State {
            alerts: of(&self.state.alerts),
            sources: sources.collect(),
            ended: self.state.ended.clone(),
            inhibitors,
            gathering,
            silences,
            barred: self.state.barred.clone(),
            switched_off: BTreeSet::new(),
        }
    }

    /// What was held goes out when its time has come.
    fn release(&mut self, now: Timestamp) {
        let mut told = Vec::new();
        for alert in self.state.alerts.values_mut() {
            for index in 0..alert.deliveries.len() {
                let row = &mut alert.deliveries[index];
                if row.held.and_then(|held| held.until).is_some_and(|until| until <= now) {
                    (row.status, row.held) = (DeliveryStatus::Sent, None);
                    let (receiver, notice) = (row.receiver.clone(), row.notice);
                    told.extend(page(alert, &receiver, notice, now));
                }
            }
        }
        self.pages.extend(told);
    }

    fn apply(&mut self, plan: &Plan, now: Timestamp) {
        self.state.sources.extend(plan.sources.iter().cloned());
        self.state.barred.extend(plan.bars.iter().map(|bar| (bar.worker_id.clone(), bar.environment.clone())));
        for alert in plan.changed.iter().chain(&plan.opened) {
            self.note(alert, now);
            let is_open = self.state.alerts.get(&alert.fingerprint).is_some_and(|open| open.id == alert.id);
            let Some((resolved_at, _)) = alert.closed else {
                self.state.alerts.insert(alert.fingerprint.clone(), sent(alert.clone(), now));
                continue;
            };
            if is_open {
                self.state.alerts.remove(&alert.fingerprint);
            }
            if alert.event_key.is_none() {
                let ended = Ended { opened_at: alert.opened_at, resolved_at, flapped: flapped(alert) };
                self.state.ended.entry(alert.fingerprint.clone()).or_default().push(ended);
            }
        }
    }

    fn note(&mut self, alert: &Alert, now: Timestamp) {
        let told = alert.deliveries.iter().filter(|row| row.notification.is_some() && row.status.tells());
        self.pages.extend(told.filter_map(|row| page(alert, &row.receiver, row.notice, now)));
    }
}

fn inhibitor(alert: &Alert) -> Inhibitor {
    Inhibitor {
        alert_id: alert.id,
        severity: alert.severity,
        kind: alert.kind.clone(),
        subject: alert.subject.clone(),
        environment: alert.environment.clone(),
        labels: alert.labels.clone(),
    }
}

/// Every row that could go out has gone.
fn sent(mut alert: Alert, now: Timestamp) -> Alert {
    for row in &mut alert.deliveries {
        row.notification = None;
        row.created_at.get_or_insert(now);
        if row.status == DeliveryStatus::Pending {
            (row.status, row.waits_for) = (DeliveryStatus::Sent, None);
        }
    }
    alert
}

fn page(alert: &Alert, receiver: &str, notice: Notice, at: Timestamp) -> Option<Page> {
    notice.triggers().then(|| Page {
        at,
        receiver: receiver.to_owned(),
        notice,
        severity: alert.severity,
        environment: alert.environment.clone(),
        kind: alert.kind.clone(),
        subject: alert.subject.clone(),
        labels: alert.labels.clone(),
    })
}

/// How often each page occurs.
pub(super) type Counted = BTreeMap<Page, usize>;
