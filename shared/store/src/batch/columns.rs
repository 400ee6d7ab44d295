//! What was decided as columns, as `unnest` wants them.

use domain::alert::Alert;
use domain::decide::{Bar, DeliveryChange, Plan, Verdict};
use domain::delivery::Delivery;
use domain::fingerprint::Labels;
use domain::{Severity, Signal, Timestamp};
use serde_json::{Value, json};
use tokio_postgres::types::Json;
use uuid::Uuid;

#[derive(Default)]
pub(super) struct Sources<'a> {
    pub(super) fingerprint: Vec<&'a str>,
    pub(super) source: Vec<&'a str>,
    pub(super) status: Vec<&'a str>,
    pub(super) severity: Vec<&'a str>,
    pub(super) changed_at: Vec<Timestamp>,
}

impl<'a> Sources<'a> {
    pub(super) fn of(plan: &'a Plan) -> Self {
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
pub(super) struct Alerts<'a> {
    pub(super) id: Vec<Uuid>,
    pub(super) fingerprint: Vec<&'a str>,
    pub(super) kind: Vec<&'a str>,
    pub(super) subject: Vec<&'a str>,
    pub(super) environment: Vec<&'a str>,
    pub(super) severity: Vec<&'a str>,
    pub(super) notified_severity: Vec<Option<&'a str>>,
    pub(super) labels: Vec<Json<&'a domain::fingerprint::Labels>>,
    pub(super) opened_at: Vec<Timestamp>,
    pub(super) last_signal_at: Vec<Timestamp>,
    pub(super) resolved_at: Vec<Option<Timestamp>>,
    pub(super) close_reason: Vec<Option<&'a str>>,
    pub(super) signal_count: Vec<i64>,
    pub(super) event_key: Vec<Option<&'a str>>,
    pub(super) source: Vec<&'a str>,
    pub(super) summary: Vec<&'a str>,
    pub(super) occurred_at: Vec<Timestamp>,
    pub(super) runbook: Vec<Option<&'a str>>,
    pub(super) more: Vec<Option<Json<Value>>>,
}

impl<'a> Alerts<'a> {
    pub(super) fn of(alerts: &'a [Alert]) -> Self {
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
            columns.source.push(&alert.news.source);
            columns.summary.push(&alert.news.summary);
            columns.occurred_at.push(alert.news.occurred_at);
            columns.runbook.push(alert.news.runbook.as_deref());
            columns.more.push(more(alert).map(Json));
        }
        columns
    }
}

/// What most alerts do without, as `insert_alerts.sql` reads it.
fn more(alert: &Alert) -> Option<Value> {
    let Alert { muted, gathering, .. } = alert;
    let is_plain = muted.is_none() && gathering.is_none();
    (!is_plain).then(|| {
        json!({
            "muted_reason": muted.as_ref().map(|muted| muted.why.as_str()),
            "muted_since": muted.as_ref().map(|muted| muted.since),
            "muted_until": muted.as_ref().and_then(|muted| muted.until),
            "muted_by": muted.as_ref().and_then(|muted| muted.by),
            "muted_because": muted.as_ref().map(|muted| &muted.because),
            "group_key": gathering.as_ref().map(|gathering| &gathering.key),
            "group_until": gathering.as_ref().map(|gathering| gathering.until),
        })
    })
}

#[derive(Default)]
pub(super) struct Deliveries<'a> {
    pub(super) alert_id: Vec<Uuid>,
    pub(super) fingerprint: Vec<&'a str>,
    pub(super) receiver: Vec<&'a str>,
    pub(super) integration: Vec<&'a str>,
    pub(super) notice: Vec<&'a str>,
    pub(super) sequence: Vec<i32>,
    pub(super) dedup_key: Vec<&'a str>,
    pub(super) status: Vec<&'a str>,
    pub(super) waits_for: Vec<Option<i32>>,
    pub(super) notification: Vec<Json<&'a domain::Notification>>,
    pub(super) held_because: Vec<Option<&'a str>>,
    pub(super) held_until: Vec<Option<Timestamp>>,
    pub(super) not_before: Vec<Option<Timestamp>>,
    pub(super) fallback: Vec<Option<Json<&'a [String]>>>,
}

impl<'a> Deliveries<'a> {
    pub(super) fn of(deliveries: &'a [(Uuid, Delivery)]) -> Self {
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
            columns.fallback.push(Some(delivery.fallback.as_slice()).filter(|names| !names.is_empty()).map(Json));
        }
        columns
    }
}

#[derive(Default)]
pub(super) struct Changes<'a> {
    pub(super) alert_id: Vec<Uuid>,
    pub(super) receiver: Vec<&'a str>,
    pub(super) sequence: Vec<i32>,
    pub(super) status: Vec<&'a str>,
}

impl<'a> Changes<'a> {
    pub(super) fn of(changes: &'a [DeliveryChange]) -> Self {
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
pub(super) struct Bars<'a> {
    pub(super) worker_id: Vec<&'a str>,
    pub(super) environment: Vec<&'a str>,
    pub(super) reason: Vec<&'a str>,
    pub(super) signal_id: Vec<Uuid>,
    pub(super) alert_id: Vec<Uuid>,
}

impl<'a> Bars<'a> {
    pub(super) fn of(bars: &'a [Bar]) -> Self {
        let mut columns = Self::default();
        for bar in bars {
            columns.worker_id.push(&bar.worker_id);
            columns.environment.push(&bar.environment);
            columns.reason.push(&bar.reason);
            columns.signal_id.push(bar.signal_id);
            columns.alert_id.push(bar.alert_id);
        }
        columns
    }
}

/// Signals with their verdicts, sorted by idempotency key.
#[derive(Default)]
pub(super) struct Signals<'a> {
    pub(super) id: Vec<Uuid>,
    pub(super) idempotency_key: Vec<&'a str>,
    pub(super) occurred_at: Vec<Timestamp>,
    pub(super) source: Vec<&'a str>,
    pub(super) kind: Vec<&'a str>,
    pub(super) subject: Vec<&'a str>,
    pub(super) environment: Vec<&'a str>,
    pub(super) status: Vec<&'a str>,
    pub(super) severity: Vec<&'a str>,
    pub(super) fingerprint: Vec<&'a str>,
    pub(super) labels: Vec<Json<&'a Labels>>,
    pub(super) summary: Vec<&'a str>,
    pub(super) body: Vec<&'a str>,
    pub(super) sender: Vec<&'a str>,
    pub(super) alert_id: Vec<Option<Uuid>>,
    pub(super) decision: Vec<&'static str>,
    pub(super) reason: Vec<Option<&'static str>>,
    pub(super) by: Vec<Option<String>>,
    pub(super) until: Vec<Option<Timestamp>>,
}

impl<'a> Signals<'a> {
    /// Signals and verdicts in the same order, as a decision gives them.
    pub(super) fn of(signals: &'a [Signal], verdicts: &[Verdict]) -> Self {
        let mut decided: Vec<(&Signal, &Verdict)> = signals.iter().zip(verdicts).collect();
        decided.sort_by(|(one, _), (other, _)| one.idempotency_key.cmp(&other.idempotency_key));
        let mut columns = Self::default();
        for (signal, verdict) in decided {
            columns.id.push(signal.id);
            columns.idempotency_key.push(&signal.idempotency_key);
            columns.occurred_at.push(signal.occurred_at);
            columns.source.push(&signal.source);
            columns.kind.push(&signal.kind);
            columns.subject.push(&signal.subject);
            columns.environment.push(&signal.environment);
            columns.status.push(signal.status.as_str());
            columns.severity.push(signal.severity.as_str());
            columns.fingerprint.push(signal.fingerprint.as_str());
            columns.labels.push(Json(&signal.labels));
            columns.summary.push(&signal.summary);
            columns.body.push(&signal.body);
            columns.sender.push(&signal.sender);
            columns.alert_id.push(verdict.alert_id);
            columns.decision.push(verdict.decision.as_str());
            columns.reason.push(verdict.decision.reason());
            columns.by.push(verdict.by.map(|id| id.to_string()));
            columns.until.push(verdict.until);
        }
        columns
    }
}
