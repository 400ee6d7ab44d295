-- Signals with what was decided of them, written once. Sorted by idempotency key by the caller, so that two batches with
-- common signals do not deadlock. A key that is there by now belongs to a signal of another fingerprint, else the lock
-- would have shown it: the violation aborts the transaction, and the signals are decided anew.
insert into watchkeeper.signals (
    signal_id, idempotency_key, received_at, occurred_at, source, kind, subject, environment, status, severity,
    fingerprint, labels, summary, body, sender, alert_id, decision, reason, reason_ref, reason_until)
select
    signal_id, idempotency_key, now(), occurred_at, source, kind, subject, environment, status, severity,
    fingerprint, labels, summary, body, sender, alert_id, decision, reason, reason_ref, reason_until
from unnest(
    $1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::jsonb[], $12::text[], $13::text[], $14::text[], $15::uuid[], $16::text[],
    $17::text[], $18::text[], $19::timestamptz[]
) as new (
    signal_id, idempotency_key, occurred_at, source, kind, subject, environment, status, severity,
    fingerprint, labels, summary, body, sender, alert_id, decision, reason, reason_ref, reason_until)
