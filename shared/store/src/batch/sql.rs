//! The statements of a batch, in the order in which they are sent.

use tokio_postgres::types::Type;

use crate::statements::Statement;

pub(crate) const STATEMENTS: &[&Statement] = &[
    &BOUND,
    &LOCK,
    &READ_RECORDED,
    &READ_SOURCES,
    &READ_ALERTS,
    &READ_DELIVERIES,
    &READ_ENDED,
    &READ_INHIBITORS,
    &READ_GATHERING,
    &READ_SILENCES,
    &READ_BARRED,
    &INSERT_SIGNALS,
    &UPSERT_SOURCES,
    &INSERT_ALERTS,
    &UPDATE_ALERTS,
    &INSERT_DELIVERIES,
    &CHANGE_DELIVERIES,
    &BAR_WORKERS,
    &JOIN_LEADERS,
    &LIST_DUE_AGAIN,
];

pub(super) static BOUND: Statement = Statement {
    name: "bounding the transaction",
    // The idle limit ends a transaction whose owner died between the two flushes: its locks would bar others.
    sql: "select set_config('statement_timeout', $1, true),
                 set_config('idle_in_transaction_session_timeout', '10s', true),
                 now() as now",
    types: &[Type::TEXT],
};
pub(crate) static LOCK: Statement = Statement {
    name: "locking fingerprints",
    sql: "select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key",
    types: &[Type::INT8_ARRAY],
};
pub(super) static READ_RECORDED: Statement = Statement {
    name: "reading recorded signals",
    sql: "select idempotency_key, fingerprint, status
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
                 muted_reason, muted_since, muted_until, muted_by, muted_because, group_key, group_until,
                 acknowledged_at, acknowledged_by, acknowledged_until
          from watchkeeper.alerts
          where fingerprint = any($1) and status = 'firing'",
    types: &[Type::TEXT_ARRAY],
};
pub(super) static READ_DELIVERIES: Statement = Statement {
    name: "reading deliveries of open alerts",
    sql: "select alert.fingerprint, receiver, integration, notice, sequence, dedup_key, delivery.status, waits_for,
                 held_because, held_until, fallback,
                 -- People have been waiting, and know of it, since then.
                 coalesce(released_at, delivery.created_at) as created_at,
                 case when delivery.status = 'pending' then due_at end as not_before, sent_at
          from watchkeeper.alerts as alert
          join watchkeeper.deliveries as delivery using (alert_id)
          where alert.fingerprint = any($1) and alert.status = 'firing'
          order by position",
    types: &[Type::TEXT_ARRAY],
};
pub(super) static READ_ENDED: Statement = Statement {
    name: "reading alerts that ended of late",
    // What events open and their window ends does not flap.
    sql: "select fingerprint, opened_at, resolved_at,
                 case when muted_reason = 'flapping' or exists (
                     select from watchkeeper.deliveries as delivery
                     where delivery.alert_id = alert.alert_id and delivery.notice = 'flapping')
                 then coalesce(notified_severity, severity) end as flapped
          from watchkeeper.alerts as alert
          where fingerprint = any($1)
            and status = 'resolved'
            and event_key is null
            and resolved_at > coalesce($2, now()) - make_interval(secs => $3)",
    types: &[Type::TEXT_ARRAY, Type::TIMESTAMPTZ, Type::FLOAT8],
};
pub(super) static READ_INHIBITORS: Statement = Statement {
    name: "reading alerts that may mute others",
    sql: "select alert_id, severity, kind, subject, environment, labels
          from watchkeeper.alerts as alert
          where status = 'firing'
            and muted_reason is null
            and ($1::text[] is null or kind = any($1))
            and exists (
                select from watchkeeper.deliveries as delivery
                where delivery.alert_id = alert.alert_id and delivery.status = 'sent')",
    types: &[Type::TEXT_ARRAY],
};
pub(super) static READ_GATHERING: Statement = Statement {
    name: "reading alerts that others are told with",
    // Whose notice has left (or was told while the store was gone) takes nobody in any more.
    sql: "select alert_id, group_key, group_until
          from watchkeeper.alerts as leader
          where status = 'firing'
            and group_key = any($1)
            and exists (
                select from watchkeeper.deliveries as delivery
                where delivery.alert_id = leader.alert_id and delivery.status in ('pending', 'held'))
          union
          select leader.alert_id, leader.group_key, leader.group_until
          from watchkeeper.alerts as member
          join watchkeeper.alerts as leader on leader.alert_id::text = member.muted_by
          where member.fingerprint = any($2)
            and member.status = 'firing'
            and member.muted_reason = 'grouped'
            and leader.status = 'firing'
            and leader.group_key is not null",
    types: &[Type::TEXT_ARRAY, Type::TEXT_ARRAY],
};
pub(super) static READ_SILENCES: Statement = Statement {
    name: "reading silences in force",
    sql: "select silence_id, matchers, from_at, until_at, recurring, author, reason
          from watchkeeper.silences
          where ended_at is null and until_at > coalesce($1, now())",
    types: &[Type::TIMESTAMPTZ],
};
pub(super) static READ_BARRED: Statement = Statement {
    name: "reading barred workers",
    sql: "select worker_id, environment
          from watchkeeper.quarantines
          where released_at is null and worker_id = any($1)",
    types: &[Type::TEXT_ARRAY],
};
pub(super) static BAR_WORKERS: Statement = Statement {
    name: "barring workers",
    sql: "insert into watchkeeper.quarantines (worker_id, environment, barred_at, reason, signal_id, alert_id)
          select worker_id, environment, now(), reason, signal_id, alert_id
          from unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::uuid[])
              as new (worker_id, environment, reason, signal_id, alert_id)
          order by worker_id, environment
          on conflict (worker_id, environment) where released_at is null do nothing",
    types: &[Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::UUID_ARRAY, Type::UUID_ARRAY],
};
pub(super) static JOIN_LEADERS: Statement = Statement {
    name: "telling alerts together",
    sql: include_str!("../sql/join_leaders.sql"),
    types: &[Type::UUID_ARRAY, Type::TEXT_ARRAY, Type::INT4],
};
pub(super) static LIST_DUE_AGAIN: Statement = Statement {
    name: "listing alerts that are due again",
    sql: include_str!("../sql/list_due_again.sql"),
    types: &[Type::TIMESTAMPTZ, Type::TEXT_ARRAY, Type::FLOAT8_ARRAY, Type::FLOAT8, Type::TEXT_ARRAY, Type::TEXT_ARRAY],
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
        Type::TEXT_ARRAY,
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
    ],
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
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
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
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TEXT_ARRAY,
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
