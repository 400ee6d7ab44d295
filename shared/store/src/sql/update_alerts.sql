-- An alert that was read open, under its lock, has to be open still: else the decision is about another world and
-- nothing of it may be committed. The division by zero aborts the transaction; the messages are decided anew. `more` is
-- that of insert_alerts.sql.
with changed as (
    update watchkeeper.alerts as alert
    set severity          = new.severity,
        notified_severity = new.notified_severity,
        status            = case when new.resolved_at is null then 'firing' else 'resolved' end,
        last_signal_at    = new.last_signal_at,
        resolved_at       = new.resolved_at,
        close_reason      = new.close_reason,
        signal_count      = new.signal_count,
        source            = new.source,
        summary           = new.summary,
        occurred_at       = new.occurred_at,
        runbook           = new.runbook,
        muted_reason      = more ->> 'muted_reason',
        muted_since       = (more ->> 'muted_since')::timestamptz,
        muted_until       = (more ->> 'muted_until')::timestamptz,
        muted_by          = more ->> 'muted_by',
        muted_because     = more ->> 'muted_because',
        group_key         = more ->> 'group_key',
        group_until       = (more ->> 'group_until')::timestamptz
    from unnest(
        $1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::bigint[], $8::text[],
        $9::text[], $10::timestamptz[], $11::text[], $12::jsonb[]
    ) as new (
        alert_id, severity, notified_severity, last_signal_at, resolved_at, close_reason, signal_count, source, summary,
        occurred_at, runbook, more)
    where alert.alert_id = new.alert_id
      and alert.status = 'firing'
    returning alert.alert_id
)
select 1 / (count(*) = cardinality($1::uuid[]))::integer as all_were_open
from changed
