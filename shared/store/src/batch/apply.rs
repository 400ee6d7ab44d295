//! Writes what was decided and commits: the second of a batch's two round trips.

use std::time::Duration;

use domain::Signal;
use domain::decide::Plan;
use tokio_postgres::Client;
use uuid::Uuid;

use super::columns::{Alerts, Bars, Changes, Deliveries, Signals, Sources};
use super::sql;
use crate::Error;
use crate::statements::{Flush, say};
use crate::told;

/// How many alerts are named on the notice that they are told with.
const MOST_NOTES: i32 = 20;

/// Ends a transaction that is not to be committed.
///
/// # Errors
/// The store's; the connection must then be dropped.
pub async fn give_up(client: &Client, patience: Duration) -> Result<(), Error> {
    let mut flush = Flush::new(patience);
    flush.add(say(client, "rollback"));
    flush.all("rolling back").await?;
    Ok(())
}

/// Writes the signals that were decided, in the order of the plan's verdicts, and all that follows, and commits, in one flush. It succeeded only if every statement did: a COMMIT after an error answers
/// without one, and rolls back.
///
/// # Errors
/// Any statement's failure, or [`Error::Timeout`] after `patience`: then whether it was committed is not known, and the
/// same messages have to come again. The connection must be dropped.
pub async fn apply(client: &Client, signals: &[Signal], plan: &Plan, patience: Duration) -> Result<(), Error> {
    let decided = Signals::of(signals, &plan.verdicts);
    let sources = Sources::of(plan);
    let opened = Alerts::of(&plan.opened);
    let changed = Alerts::of(&plan.changed);
    let deliveries = Deliveries::of(&plan.deliveries);
    let changes = Changes::of(&plan.delivery_changes);
    let bars = Bars::of(&plan.bars);
    let leaders: Vec<Uuid> = plan.joined.iter().map(|joined| joined.leader).collect();
    let notes: Vec<&str> = plan.joined.iter().map(|joined| joined.note.as_str()).collect();
    let told = told::Columns::of(&plan.told);
    let keepers = told::keeping_incidents();

    let mut flush = Flush::new(patience);
    if !signals.is_empty() {
        let new = &decided;
        flush.add(sql::INSERT_SIGNALS.run(
            client,
            &[
                &new.id,
                &new.idempotency_key,
                &new.occurred_at,
                &new.source,
                &new.kind,
                &new.subject,
                &new.environment,
                &new.status,
                &new.severity,
                &new.fingerprint,
                &new.labels,
                &new.summary,
                &new.body,
                &new.sender,
                &new.alert_id,
                &new.decision,
                &new.reason,
                &new.by,
                &new.until,
            ],
        ));
    }
    if !plan.sources.is_empty() {
        let Sources { fingerprint, source, status, severity, changed_at } = &sources;
        flush.add(sql::UPSERT_SOURCES.run(client, &[fingerprint, source, status, severity, changed_at]));
    }
    // An alert that ended makes room for its successor: one open alert per fingerprint.
    if !plan.changed.is_empty() {
        let now = &changed;
        flush.add(sql::UPDATE_ALERTS.run(
            client,
            &[
                &now.id,
                &now.severity,
                &now.notified_severity,
                &now.last_signal_at,
                &now.resolved_at,
                &now.close_reason,
                &now.signal_count,
                &now.source,
                &now.summary,
                &now.occurred_at,
                &now.runbook,
                &now.more,
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
                &new.source,
                &new.summary,
                &new.occurred_at,
                &new.runbook,
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
    if !plan.bars.is_empty() {
        let Bars { worker_id, environment, reason, signal_id, alert_id } = &bars;
        flush.add(sql::BAR_WORKERS.run(client, &[worker_id, environment, reason, signal_id, alert_id]));
    }
    if !plan.joined.is_empty() {
        flush.add(sql::JOIN_LEADERS.run(client, &[&leaders, &notes, &MOST_NOTES]));
    }
    if !plan.told.is_empty() {
        let told::Columns { alert_id, receiver, sequence, outcome, provider_id, at, settles } = &told;
        flush.add(
            told::RECORD.run(client, &[alert_id, receiver, sequence, outcome, provider_id, at, settles, &keepers]),
        );
    }
    flush.add(say(client, "commit"));
    flush.all("recording decisions").await?;
    Ok(())
}
