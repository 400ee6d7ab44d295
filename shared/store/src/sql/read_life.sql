-- Everything on record about an alert ($1), or about a signal that belongs to none ($2), in order.
with alert as (
    select * from watchkeeper.alerts where alert_id = $1
),
signal as (
    select *
    from watchkeeper.signals
    where alert_id = $1 or signal_id = $2
    order by received_at desc, signal_id desc
    limit $3
),
delivery as (
    select * from watchkeeper.deliveries where alert_id = $1 order by position desc limit $3
),
attempt as (
    select attempt.*, delivery.receiver, delivery.notice
    from watchkeeper.delivery_attempts as attempt
    join delivery using (delivery_id)
    order by attempted_at desc
    limit $3
),
event (at, place, nth, more) as (
    select received_at, 0, row_number() over (order by received_at, signal_id), jsonb_build_object(
        'what', 'signal', 'signal_id', signal_id, 'status', status, 'severity', severity, 'source', source,
        'sender', sender, 'summary', summary, 'occurred_at', occurred_at, 'decision', decision, 'reason', reason,
        'ref', reason_ref, 'until', reason_until, 'digest_id', digest_id)
    from signal
    union all
    select opened_at, 1, 0, jsonb_build_object(
        'what', 'opened', 'alert_id', alert_id, 'kind', kind, 'subject', subject, 'environment', environment,
        'labels', labels)
    from alert
    union all
    select barred_at, 2, 0, jsonb_build_object(
        'what', 'barred', 'worker_id', worker_id, 'environment', environment, 'reason', reason, 'signal_id', signal_id)
    from watchkeeper.quarantines
    where alert_id = $1
    union all
    select created_at, 3, position, jsonb_build_object(
        'what', 'delivery', 'delivery_id', delivery_id, 'receiver', receiver, 'integration', integration,
        'notice', notice, 'status', status, 'due_at', due_at, 'held_because', held_because, 'held_until', held_until,
        'cancelled_because', cancelled_because, 'listed_in', listed_in, 'attempts', attempts, 'sent_at', sent_at, 'dedup_key', dedup_key, 'digest_id', digest_id,
        'fallback', to_jsonb(fallback), 'fell_back_at', fell_back_at)
    from delivery
    union all
    select attempted_at, 4, 0, jsonb_build_object(
        'what', 'attempt', 'delivery_id', delivery_id, 'receiver', receiver, 'notice', notice, 'outcome', outcome,
        'http_status', http_status, 'provider_id', provider_id, 'latency_ms', latency_ms, 'error', error)
    from attempt
    union all
    select at, 5, 0, jsonb_build_object('what', 'acknowledged', 'by', by, 'until', until, 'note', note)
    from watchkeeper.acknowledgements
    where alert_id = $1
    union all
    select released_at, 6, 0, jsonb_build_object(
        'what', 'released', 'worker_id', worker_id, 'environment', environment, 'by', released_by,
        'reason', release_reason)
    from watchkeeper.quarantines
    where alert_id = $1 and released_at is not null
    union all
    select resolved_at, 7, 0, jsonb_build_object('what', 'resolved', 'because', close_reason)
    from alert
    where resolved_at is not null
)
select jsonb_build_object('at', at) || jsonb_strip_nulls(more) as event
from event
order by at, place, nth
