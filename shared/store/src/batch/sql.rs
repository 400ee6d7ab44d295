//! The statements of a batch, in the order in which they are sent.

use tokio_postgres::types::Type;

use crate::statements::Statement;

pub(crate) const STATEMENTS: &[&Statement] = &[
    &BOUND,
    &INSERT_SIGNALS,
    &LOCK,
    &READ_RECORDED,
    &READ_SOURCES,
    &READ_ALERTS,
    &READ_DELIVERIES,
    &UPSERT_SOURCES,
    &INSERT_ALERTS,
    &UPDATE_ALERTS,
    &INSERT_DELIVERIES,
    &CHANGE_DELIVERIES,
    &SET_DECISIONS,
];

pub(super) static BOUND: Statement = Statement {
    name: "bounding the transaction",
    // The idle limit ends a transaction whose owner died between the two flushes: its locks would bar others.
    sql: "select set_config('statement_timeout', $1, true),
                 set_config('idle_in_transaction_session_timeout', '10s', true),
                 now() as now",
    types: &[Type::TEXT],
};
pub(super) static INSERT_SIGNALS: Statement = Statement {
    name: "recording signals",
    sql: include_str!("../sql/insert_signals.sql"),
    types: &[
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::JSONB_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
    ],
};
pub(crate) static LOCK: Statement = Statement {
    name: "locking fingerprints",
    sql: "select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key",
    types: &[Type::INT8_ARRAY],
};
pub(super) static READ_RECORDED: Statement = Statement {
    name: "reading recorded signals",
    sql: "select idempotency_key, signal_id, decision is null as undecided, fingerprint, status
          from watchkeeper.signals
          where idempotency_key = any($1)",
    types: &[Type::TEXT_ARRAY],
};
pub(super) static READ_SOURCES: Statement = Statement {
    name: "reading sources",
    sql: "select fingerprint, source, status, severity, changed_at
          from watchkeeper.alert_sources
          where fingerprint = any($1)",
    types: &[Type::TEXT_ARRAY],
};
pub(super) static READ_ALERTS: Statement = Statement {
    name: "reading open alerts",
    sql: "select alert_id, fingerprint, kind, subject, environment, labels, severity, notified_severity, opened_at,
                 last_signal_at, signal_count, event_key, source, summary, occurred_at, runbook,
                 muted_reason, muted_since, muted_until, muted_by, group_key, group_until
          from watchkeeper.alerts
          where fingerprint = any($1) and status = 'firing'",
    types: &[Type::TEXT_ARRAY],
};
pub(super) static READ_DELIVERIES: Statement = Statement {
    name: "reading deliveries of open alerts",
    sql: "select alert.fingerprint, receiver, integration, notice, sequence, dedup_key, delivery.status, waits_for,
                 held_because, held_until, fallback
          from watchkeeper.alerts as alert
          join watchkeeper.deliveries as delivery using (alert_id)
          where alert.fingerprint = any($1) and alert.status = 'firing'
          order by position",
    types: &[Type::TEXT_ARRAY],
};
pub(super) static UPSERT_SOURCES: Statement = Statement {
    name: "recording what sources say",
    sql: include_str!("../sql/upsert_sources.sql"),
    types: &[Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::TIMESTAMPTZ_ARRAY],
};
pub(super) static INSERT_ALERTS: Statement = Statement {
    name: "opening alerts",
    sql: include_str!("../sql/insert_alerts.sql"),
    types: &[
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::JSONB_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::JSONB_ARRAY,
    ],
};
pub(super) static UPDATE_ALERTS: Statement = Statement {
    name: "changing alerts",
    sql: include_str!("../sql/update_alerts.sql"),
    types: &[
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::JSONB_ARRAY,
    ],
};
pub(super) static INSERT_DELIVERIES: Statement = Statement {
    name: "writing deliveries",
    sql: include_str!("../sql/insert_deliveries.sql"),
    types: &[
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT4_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT4_ARRAY,
        Type::JSONB_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::JSONB_ARRAY,
    ],
};
pub(super) static CHANGE_DELIVERIES: Statement = Statement {
    name: "changing deliveries",
    sql: include_str!("../sql/change_deliveries.sql"),
    types: &[Type::UUID_ARRAY, Type::TEXT_ARRAY, Type::INT4_ARRAY, Type::TEXT_ARRAY],
};
pub(super) static SET_DECISIONS: Statement = Statement {
    name: "recording decisions",
    sql: include_str!("../sql/set_decisions.sql"),
    types: &[Type::UUID_ARRAY, Type::UUID_ARRAY, Type::TEXT_ARRAY, Type::TEXT_ARRAY],
};
