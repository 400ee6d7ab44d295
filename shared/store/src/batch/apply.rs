//! Writes what was decided and commits: the second of a batch's two round trips.

use std::time::Duration;

use domain::{Severity, Timestamp};
use domain::alert::Alert;
use domain::decide::{DeliveryChange, Plan};
use domain::delivery::Delivery;
use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::sql;
use crate::Error;
use crate::statements::{Flush, say};

/// Writes a plan and commits, in one flush. It succeeded only if every statement did: a COMMIT after an error answers
/// without one, and rolls back.
///
/// # Errors
/// Any statement's failure, or [`Error::Timeout`] after `patience`: then whether it was committed is not known, and the
/// same messages have to come again. The connection must be dropped.
pub async fn apply(client: &Client, plan: &Plan, patience: Duration) -> Result<(), Error> {
    let sources = Sources::of(plan);
    let opened = Alerts::of(&plan.opened);
    let changed = Alerts::of(&plan.changed);
    let deliveries = Deliveries::of(&plan.deliveries);
    let changes = Changes::of(&plan.delivery_changes);
    let verdicts = Verdicts::of(plan);

    let mut flush = Flush::new(patience);
    if !plan.sources.is_empty() {
        let Sources { fingerprint, source, status, severity, changed_at } = &sources;
        flush.add(sql::UPSERT_SOURCES.run(client, &[fingerprint, source, status, severity, changed_at]));
    }
    // An alert that ended makes room for its successor: one open alert per fingerprint.
    if !plan.changed.is_empty() {
        let Alerts { id, severity, notified_severity, last_signal_at, resolved_at, close_reason, signal_count, .. } =
            &changed;
        flush.add(sql::UPDATE_ALERTS.run(
            client,
            &[
                id,
                severity,
                notified_severity,
                last_signal_at,
                resolved_at,
                close_reason,
                signal_count,
                &changed.more,
            ],
        ));
    }
    if !plan.opened.is_empty() {
        let new = &opened;
        flush.add(sql::INSERT_ALERTS.run(
            client,
            &[
                &new.id,
                &new.fingerprint,
                &new.kind,
                &new.subject,
                &new.environment,
                &new.severity,
                &new.notified_severity,
                &new.labels,
                &new.opened_at,
                &new.last_signal_at,
                &new.resolved_at,
                &new.close_reason,
                &new.signal_count,
                &new.event_key,
                &new.more,
            ],
        ));
    }
    if !plan.delivery_changes.is_empty() {
        let Changes { alert_id, receiver, sequence, status } = &changes;
        flush.add(sql::CHANGE_DELIVERIES.run(client, &[alert_id, receiver, sequence, status]));
    }
    if !plan.deliveries.is_empty() {
        let new = &deliveries;
        flush.add(sql::INSERT_DELIVERIES.run(
            client,
            &[
                &new.alert_id,
                &new.fingerprint,
                &new.receiver,
                &new.integration,
                &new.notice,
                &new.sequence,
                &new.dedup_key,
                &new.status,
                &new.waits_for,
                &new.notification,
                &new.held_because,
                &new.held_until,
                &new.not_before,
                &new.fallback,
            ],
        ));
    }
    let Verdicts { signal_id, alert_id, decision, reason } = &verdicts;
    flush.add(sql::SET_DECISIONS.run(client, &[signal_id, alert_id, decision, reason]));
    flush.add(say(client, "commit"));
    flush.all("recording decisions").await?;
    Ok(())
}

#[derive(Default)]
struct Sources<'a> {
    fingerprint: Vec<&'a str>,
    source: Vec<&'a str>,
    status: Vec<&'a str>,
    severity: Vec<&'a str>,
    changed_at: Vec<Timestamp>,
}

impl<'a> Sources<'a> {
    fn of(plan: &'a Plan) -> Self {
        let mut columns = Self::default();
        for ((fingerprint, source), state) in &plan.sources {
            columns.fingerprint.push(fingerprint.as_str());
            columns.source.push(source);
            columns.status.push(state.status.as_str());
            columns.severity.push(state.severity.as_str());
            columns.changed_at.push(state.changed_at);
        }
        columns
    }
}

#[derive(Default)]
struct Alerts<'a> {
    id: Vec<Uuid>,
    fingerprint: Vec<&'a str>,
    kind: Vec<&'a str>,
    subject: Vec<&'a str>,
    environment: Vec<&'a str>,
    severity: Vec<&'a str>,
    notified_severity: Vec<Option<&'a str>>,
    labels: Vec<Json<&'a domain::fingerprint::Labels>>,
    opened_at: Vec<Timestamp>,
    last_signal_at: Vec<Timestamp>,
    resolved_at: Vec<Option<Timestamp>>,
    close_reason: Vec<Option<&'a str>>,
    signal_count: Vec<i64>,
    event_key: Vec<Option<&'a str>>,
    more: Vec<Json<Value>>,
}

impl<'a> Alerts<'a> {
    fn of(alerts: &'a [Alert]) -> Self {
        let mut columns = Self::default();
        for alert in alerts {
            columns.id.push(alert.id);
            columns.fingerprint.push(alert.fingerprint.as_str());
            columns.kind.push(&alert.kind);
            columns.subject.push(&alert.subject);
            columns.environment.push(&alert.environment);
            columns.severity.push(alert.severity.as_str());
            columns.notified_severity.push(alert.notified_severity.map(Severity::as_str));
            columns.labels.push(Json(&alert.labels));
            columns.opened_at.push(alert.opened_at);
            columns.last_signal_at.push(alert.last_signal_at);
            columns.resolved_at.push(alert.closed.map(|(at, _)| at));
            columns.close_reason.push(alert.closed.map(|(_, reason)| reason.as_str()));
            columns.signal_count.push(alert.signal_count);
            columns.event_key.push(alert.event_key.as_deref());
            columns.more.push(Json(more(alert)));
        }
        columns
    }
}

/// What most alerts do without, as `insert_alerts.sql` reads it.
fn more(alert: &Alert) -> Value {
    let Alert { news, muted, gathering, .. } = alert;
    json!({
        "source": news.source,
        "summary": news.summary,
        "occurred_at": news.occurred_at,
        "runbook": news.runbook,
        "muted_reason": muted.as_ref().map(|muted| muted.why.as_str()),
        "muted_since": muted.as_ref().map(|muted| muted.since),
        "muted_until": muted.as_ref().and_then(|muted| muted.until),
        "muted_by": muted.as_ref().and_then(|muted| muted.by),
        "group_key": gathering.as_ref().map(|gathering| &gathering.key),
        "group_until": gathering.as_ref().map(|gathering| gathering.until),
    })
}

#[derive(Default)]
struct Deliveries<'a> {
    alert_id: Vec<Uuid>,
    fingerprint: Vec<&'a str>,
    receiver: Vec<&'a str>,
    integration: Vec<&'a str>,
    notice: Vec<&'a str>,
    sequence: Vec<i32>,
    dedup_key: Vec<&'a str>,
    status: Vec<&'a str>,
    waits_for: Vec<Option<i32>>,
    notification: Vec<Json<&'a domain::Notification>>,
    held_because: Vec<Option<&'a str>>,
    held_until: Vec<Option<Timestamp>>,
    not_before: Vec<Option<Timestamp>>,
    fallback: Vec<Json<&'a [String]>>,
}

impl<'a> Deliveries<'a> {
    fn of(deliveries: &'a [(Uuid, Delivery)]) -> Self {
        let mut columns = Self::default();
        for (alert_id, delivery) in deliveries {
            // A plan lists as new only what carries its notification.
            let Some(notification) = &delivery.notification else { continue };
            columns.alert_id.push(*alert_id);
            columns.fingerprint.push(notification.fingerprint.as_str());
            columns.receiver.push(&delivery.receiver);
            columns.integration.push(delivery.integration.as_str());
            columns.notice.push(delivery.notice.as_str());
            columns.sequence.push(delivery.sequence);
            columns.dedup_key.push(&delivery.dedup_key);
            columns.status.push(delivery.status.as_str());
            columns.waits_for.push(delivery.waits_for);
            columns.notification.push(Json(notification));
            columns.held_because.push(delivery.held.map(|held| held.because.as_str()));
            columns.held_until.push(delivery.held.and_then(|held| held.until));
            columns.not_before.push(delivery.not_before);
            columns.fallback.push(Json(&delivery.fallback));
        }
        columns
    }
}

#[derive(Default)]
struct Changes<'a> {
    alert_id: Vec<Uuid>,
    receiver: Vec<&'a str>,
    sequence: Vec<i32>,
    status: Vec<&'a str>,
}

impl<'a> Changes<'a> {
    fn of(changes: &'a [DeliveryChange]) -> Self {
        let mut columns = Self::default();
        for change in changes {
            columns.alert_id.push(change.alert_id);
            columns.receiver.push(&change.receiver);
            columns.sequence.push(change.sequence);
            columns.status.push(change.status.as_str());
        }
        columns
    }
}

#[derive(Default)]
struct Verdicts {
    signal_id: Vec<Uuid>,
    alert_id: Vec<Option<Uuid>>,
    decision: Vec<&'static str>,
    reason: Vec<Option<&'static str>>,
}

impl Verdicts {
    fn of(plan: &Plan) -> Self {
        let mut columns = Self::default();
        for verdict in &plan.verdicts {
            columns.signal_id.push(verdict.signal_id);
            columns.alert_id.push(verdict.alert_id);
            columns.decision.push(verdict.decision.as_str());
            columns.reason.push(verdict.decision.reason());
        }
        columns
    }
}
