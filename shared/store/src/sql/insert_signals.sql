-- Sorted by idempotency key by the caller, so that two batches with common signals do not deadlock.
insert into watchkeeper.signals (
    signal_id, idempotency_key, received_at, occurred_at, source, kind, subject, environment, status, severity,
    fingerprint, labels, summary, body, sender)
select
    signal_id, idempotency_key, now(), occurred_at, source, kind, subject, environment, status, severity,
    fingerprint, labels, summary, body, sender
from unnest(
    $1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::jsonb[], $12::text[], $13::text[], $14::text[]
) as new (
    signal_id, idempotency_key, occurred_at, source, kind, subject, environment, status, severity,
    fingerprint, labels, summary, body, sender)
on conflict (idempotency_key) do nothing
returning signal_id
