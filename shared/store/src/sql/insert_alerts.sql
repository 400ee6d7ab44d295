-- `more` holds what most alerts do without, and is null for those: {"muted_reason": …, "muted_since": …, "muted_until": …,
-- "muted_by": …, "muted_because": …, "group_key": …, "group_until": …}.
insert into watchkeeper.alerts (
    alert_id, fingerprint, kind, subject, environment, severity, notified_severity, labels, worker_id, status,
    opened_at, last_signal_at, resolved_at, close_reason, signal_count, event_key,
    source, summary, occurred_at, runbook, muted_reason, muted_since, muted_until, muted_by,
    muted_because, group_key, group_until)
select
    alert_id, fingerprint, kind, subject, environment, severity, notified_severity, labels,
    case when kind = 'claim' then subject end, -- a claim is about a worker
    case when resolved_at is null then 'firing' else 'resolved' end,
    opened_at, last_signal_at, resolved_at, close_reason, signal_count, event_key,
    source, summary, occurred_at, runbook,
    more ->> 'muted_reason', (more ->> 'muted_since')::timestamptz, (more ->> 'muted_until')::timestamptz,
    more ->> 'muted_by', more ->> 'muted_because', more ->> 'group_key', (more ->> 'group_until')::timestamptz
from unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[], $9::timestamptz[],
    $10::timestamptz[], $11::timestamptz[], $12::text[], $13::bigint[], $14::text[], $15::text[],
    $16::text[], $17::timestamptz[], $18::text[], $19::jsonb[]
) as new (
    alert_id, fingerprint, kind, subject, environment, severity, notified_severity, labels, opened_at,
    last_signal_at, resolved_at, close_reason, signal_count, event_key, source, summary, occurred_at, runbook, more)
