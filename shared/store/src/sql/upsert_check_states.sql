-- What an evaluation leaves to be remembered. The caller holds the checks' lock and has compared evaluated_at.
insert into watchkeeper.check_states (
    check_name, fingerprint, metric, kind, subject, labels, status, severity, value, breaching_since, evaluated_at,
    seen_at, timed_out)
select *
from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[], $8::text[], $9::float8[],
    $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::boolean[])
on conflict (check_name, fingerprint) do update
set metric          = excluded.metric,
    kind            = excluded.kind,
    subject         = excluded.subject,
    labels          = excluded.labels,
    status          = excluded.status,
    severity        = excluded.severity,
    value           = excluded.value,
    breaching_since = excluded.breaching_since,
    evaluated_at    = excluded.evaluated_at,
    seen_at         = excluded.seen_at,
    timed_out       = excluded.timed_out
where check_states.evaluated_at < excluded.evaluated_at
