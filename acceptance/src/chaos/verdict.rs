//! Compares what came of it all with what must be true. Everything that is wrong is named; the guarantees are counted.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use domain::Severity;
use jiff::Timestamp;

use super::model::Model;
use super::rows::{self, Alert, Delivery};
use super::sends::{self, Group, Sends};
use super::trace;
use super::traffic::{Traffic, is_poisonous};
use super::world::World;

/// How many conditions are shown with all that happened to them.
const TRACES: usize = 3;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) wrong: Vec<String>,
    /// The lives of some conditions with which something is wrong.
    pub(super) traces: Vec<String>,
    /// Notices that receivers took more than once.
    pub(super) repeats: usize,
    /// Sends of which nobody heard what came of them.
    pub(super) ambiguous: usize,
    /// Notices that were taken.
    pub(super) told: usize,
}

impl Verdict {
    pub(super) async fn of(world: &World, traffic: &Traffic, lives: usize) -> Result<Self> {
        let mut verdict = Self::default();
        let model = &traffic.model;
        verdict.look_at_signals(world, model).await?;
        // The queue may have given one twice.
        let cloud = &world.aws.cloud;
        let harmful: BTreeSet<String> =
            cloud.alerts.dead().into_iter().chain(cloud.held.waiting()).map(|entry| entry.body).collect();
        verdict.demand(harmful.len() == traffic.poisonous, || format!("dead letters, and held: {harmful:?}"));
        let alerts = rows::alerts(world).await?;
        let deliveries = rows::deliveries(world).await?;
        verdict.look_at_standing(world, model, (&alerts, &deliveries));
        verdict.look_at_telling(&alerts, &deliveries);
        verdict.look_at_failures(world, &deliveries).await?;
        verdict.count_sends(&sends::all(world), &deliveries, lives);
        verdict.look_at_incidents(world);
        let undigested = "select count(*) from watchkeeper.signals where decision = 'suppressed' and digest_id is null";
        verdict.demand(world.count(undigested).await? == 0, || "a suppressed signal is in no digest".to_owned());
        for subject in verdict.suspects(&alerts, &deliveries).into_iter().take(TRACES) {
            verdict.traces.push(trace::of(world, subject).await?);
        }
        Ok(verdict)
    }

    /// The subjects of what is wrong: it names them, or their fingerprint, or a delivery.
    fn suspects<'a>(&self, alerts: &'a [Alert], deliveries: &[Delivery]) -> BTreeSet<&'a str> {
        let is_in_a_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '/';
        let words: BTreeSet<&str> = self.wrong.iter().flat_map(|wrong| wrong.split(|c| !is_in_a_name(c))).collect();
        let named = |alert: &&Alert| {
            let mut own = deliveries.iter().filter(|delivery| delivery.alert_id == alert.id);
            words.contains(alert.subject.as_str())
                || words.contains(alert.fingerprint.as_str())
                || own.any(|delivery| words.contains(delivery.id.as_str()))
        };
        alerts.iter().filter(named).map(|alert| alert.subject.as_str()).collect()
    }

    fn demand(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(otherwise());
        }
    }

    /// Every signal is on record once, decided, and nothing else is but what the router raised itself.
    async fn look_at_signals(&mut self, world: &World, model: &Model) -> Result<()> {
        let rows = world.rows("select idempotency_key, kind, coalesce(decision, '') from watchkeeper.signals").await?;
        let recorded: BTreeSet<&str> = rows.iter().map(|row| row[0].as_str()).collect();
        for key in model.keys.iter().filter(|key| !recorded.contains(key.as_str())) {
            self.wrong.push(format!("lost: {key} is not on record"));
        }
        for row in &rows {
            self.demand(!row[2].is_empty(), || format!("lost: {} is on record and was never decided", row[0]));
            let ours = row[1] == "delivery-failed";
            self.demand(ours || model.keys.contains(&row[0]), || format!("{} ({}) was never sent", row[0], row[1]));
        }
        for dead in world.aws.cloud.alerts.dead() {
            if !is_poisonous(&dead.body) {
                self.wrong.push(format!("lost: {} is a dead letter: {}", dead.id, dead.body));
                self.traces.push(world.history.of(&dead));
            }
        }
        Ok(())
    }

    /// Conditions stand as their sources last said, and PagerDuty shows it so.
    fn look_at_standing(&mut self, world: &World, model: &Model, (alerts, deliveries): (&[Alert], &[Delivery])) {
        let mut open: BTreeMap<&str, Vec<&Alert>> = BTreeMap::new();
        for alert in alerts.iter().filter(|alert| alert.is_open) {
            open.entry(&alert.subject).or_default().push(alert);
        }
        let fingerprints: BTreeMap<&str, &str> =
            alerts.iter().map(|alert| (alert.subject.as_str(), alert.fingerprint.as_str())).collect();
        let mut incidents: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for incident in world.receivers.incidents().into_iter().filter(|incident| incident.resolved_at.is_none()) {
            let (fingerprint, severity) = incident.dedup_key.split_once(':').unwrap_or((&incident.dedup_key, ""));
            incidents.entry(fingerprint.to_owned()).or_default().push(severity.to_owned());
        }
        for (subject, expected) in model.standing() {
            let found = open.get(subject).map(Vec::as_slice).unwrap_or_default();
            let at_pagerduty = fingerprints
                .get(subject)
                .and_then(|fingerprint| incidents.get(*fingerprint))
                .cloned()
                .unwrap_or_default();
            let Some(severity) = expected else {
                self.demand(found.is_empty(), || format!("{subject} has ended, and its alert is open"));
                // An end that PagerDuty has refused for good is told elsewhere; nobody but a person can close that incident.
                let is_refused = deliveries.iter().any(|delivery| {
                    delivery.notice == "resolved"
                        && delivery.status == "failed"
                        && alerts.iter().any(|alert| alert.id == delivery.alert_id && alert.subject == subject)
                });
                self.demand(at_pagerduty.is_empty() || is_refused, || {
                    format!("{subject} has ended, and PagerDuty has an open incident: {at_pagerduty:?}")
                });
                continue;
            };
            let [alert] = found else {
                self.wrong.push(format!("{subject} fires ({severity}), and {} alerts are open", found.len()));
                continue;
            };
            self.demand(alert.severity == severity.as_str(), || {
                format!("{subject} fires ({severity}), and its alert says {}", alert.severity)
            });
            let notified = Severity::ALL.into_iter().find(|severity| severity.as_str() == alert.notified);
            self.demand(notified >= Some(severity), || {
                format!("{subject} fires ({severity}), and people were told {:?}", alert.notified)
            });
            let pages = notified.is_some_and(|severity| severity >= Severity::High);
            // What was told without the record may be open beside it, until the alert ends; or instead of it, where it is worse and
            // what was heard without the record ended the other.
            let read = |open: &String| Severity::ALL.into_iter().find(|severity| severity.as_str() == open);
            self.demand(!pages || at_pagerduty.iter().any(|open| read(open) >= notified), || {
                format!("{subject} was told as {}, and PagerDuty has {at_pagerduty:?} open", alert.notified)
            });
        }
        for (subject, severity) in &model.events {
            let told = alerts.iter().filter(|alert| alert.subject == *subject).map(|alert| alert.notified.as_str());
            let worst = told.filter_map(|told| Severity::ALL.into_iter().find(|one| one.as_str() == told)).max();
            self.demand(worst == Some(*severity), || {
                format!("the event {subject} is {severity} at its worst, and people were told {worst:?}")
            });
        }
    }

    /// Everybody whom the routes name for an alert was told, or it ended first and they were told so, or it failed and
    /// others know.
    fn look_at_telling(&mut self, alerts: &[Alert], deliveries: &[Delivery]) {
        let mut by_alert: BTreeMap<&str, Vec<&Delivery>> = BTreeMap::new();
        for delivery in deliveries {
            by_alert.entry(&delivery.alert_id).or_default().push(delivery);
            self.demand(["sent", "failed", "cancelled"].contains(&delivery.status.as_str()), || {
                format!("lost: delivery {} to {} is {}", delivery.id, delivery.receiver, delivery.status)
            });
        }
        for alert in alerts.iter().filter(|alert| !alert.notified.is_empty()) {
            let rows = by_alert.get(alert.id.as_str()).map(Vec::as_slice).unwrap_or_default();
            let receivers: &[&str] = match alert.notified.as_str() {
                _ if alert.kind == "delivery-failed" => &[],
                // CONTRACTS, "Alerts": what is older than `changed_at` is stale, and tells nobody. Whoever was told of it without
                // the record is told of its end.
                _ if alert.was_over => &[],
                "CRITICAL" | "HIGH" => &["on-call", "mail"],
                "LOW" => &["bulk"],
                _ => &["hook"],
            };
            for receiver in receivers {
                let of = |ends: bool, status: &str| {
                    rows.iter().any(|row| {
                        row.receiver == *receiver && (row.notice == "resolved") == ends && row.status == status
                    })
                };
                // CONTRACTS, "Deliveries": what ended before it was told is cancelled, and the end says both; that may fail too.
                let ended_first = of(false, "cancelled") && (of(true, "sent") || of(true, "failed"));
                let told = of(false, "sent") || of(false, "failed") || ended_first;
                self.demand(told, || {
                    format!("lost: {receiver} was never told of {} ({})", alert.subject, alert.notified)
                });
            }
            // What failed is a signal of its own, which is looked at by itself.
            self.demand(rows.iter().any(|row| ["sent", "failed"].contains(&row.status.as_str())), || {
                format!("lost: nobody took anything about {} {}", alert.kind, alert.subject)
            });
        }
    }

    /// What failed is a signal of its own.
    async fn look_at_failures(&mut self, world: &World, deliveries: &[Delivery]) -> Result<()> {
        let about_failures =
            world.rows("select alert_id from watchkeeper.alerts where kind = 'delivery-failed'").await?;
        let about_failures: BTreeSet<&str> = about_failures.iter().map(|row| row[0].as_str()).collect();
        let raised = world.rows("select body from watchkeeper.signals where kind = 'delivery-failed'").await?;
        for failed in deliveries.iter().filter(|delivery| delivery.status == "failed") {
            let known = about_failures.contains(failed.alert_id.as_str())
                || raised.iter().any(|row| row[0].contains(&failed.id));
            self.demand(known, || format!("lost: delivery {} to {} failed unheard", failed.id, failed.receiver));
        }
        Ok(())
    }

    /// Accepted sends per notice are at most 1 + crashes + ambiguous answers: each has a try on record. Without the record
    /// they are at most one for each life of a process.
    fn count_sends(&mut self, sends: &BTreeMap<Group, Sends>, deliveries: &[Delivery], lives: usize) {
        let mut rows: BTreeMap<Group, (usize, usize)> = BTreeMap::new();
        for delivery in deliveries {
            let ends = delivery.notice == "resolved";
            let group = (delivery.receiver.clone(), delivery.key.clone(), ends);
            let (sent, tries) = rows.entry(group).or_default();
            *sent += usize::from(delivery.status == "sent" && !delivery.folded);
            *tries += delivery.tries;
        }
        for (group, (sent, _)) in &rows {
            let taken = sends.get(group).copied().unwrap_or_default();
            self.told += sent;
            self.demand(taken.accepted() >= *sent, || {
                format!("lost: {group:?} is told {sent} times on record, and was taken {} times", taken.accepted())
            });
        }
        for (group, sends) in sends {
            let (sent, tries) = rows.get(group).copied().unwrap_or_default();
            let (receiver, _, ends) = group;
            self.ambiguous += sends.unheard;
            if !(receiver == "on-call" && *ends) {
                self.repeats += sends.accepted().saturating_sub(sent.max(1));
                self.demand(sends.by_record <= tries, || {
                    format!("{group:?} was taken {} times, and {tries} tries are on record", sends.by_record)
                });
                self.demand(receiver == "self" || sends.without_record <= lives, || {
                    format!("{group:?} was told {} times without the record in {lives} lives", sends.without_record)
                });
            }
        }
    }

    /// PagerDuty never has two incidents of one key at once.
    fn look_at_incidents(&mut self, world: &World) {
        let mut ends: BTreeMap<String, Option<Timestamp>> = BTreeMap::new();
        for incident in world.receivers.incidents() {
            let before = ends.insert(incident.dedup_key.clone(), incident.resolved_at);
            let overlaps = before.is_some_and(|end| end.is_none_or(|end| end > incident.opened_at));
            self.demand(!overlaps, || format!("PagerDuty has two incidents of {} at once", incident.dedup_key));
        }
    }
}
