-- The release is its own audit: one change says that a worker is free, since when, by whom and why.
with released as (
    update watchkeeper.quarantines
    set released_at = $1, released_by = $2, release_reason = $3
    where released_at is null
      and ($4::text is null or worker_id = $4)
      and ($5::text is null or environment = $5)
    returning worker_id, environment, barred_at, reason, alert_id
),
-- Whoever was told of the bar, or will be. A provider that keeps incidents has one of its own for a bar that was told by
-- itself, and that one ends; the claim's incident is not about the bar alone and stays.
told as (
    select distinct on (alert_id, receiver)
        released.*, fingerprint, receiver, integration, dedup_key, status, due_at, held_because, held_until, fallback,
        notification
    from released
    join watchkeeper.deliveries using (alert_id)
    where created_at >= barred_at
      and status in ('pending', 'sending', 'sent', 'held')
      and (notice = 'quarantined'
           or (integration <> all ($6) and notice in ('firing', 'severity', 'flapping', 'reminder', 'escalation')))
    order by alert_id, receiver, notice = 'quarantined' desc, position desc
),
written as (
    insert into watchkeeper.deliveries (
        alert_id, fingerprint, receiver, integration, notice, sequence, dedup_key, status, due_at, held_because,
        held_until, fallback, notification, created_at)
    select
        alert_id, fingerprint, receiver, integration, 'released',
        (select coalesce(max(sequence), -1) + 1
         from watchkeeper.deliveries as known
         where known.alert_id = told.alert_id and known.receiver = told.receiver),
        dedup_key, case when status = 'held' then 'held' else 'pending' end, $1, held_because,
        held_until, fallback,
        (notification - 'tells_firing_too' - 'notes') || jsonb_build_object(
            'notice', 'released',
            'occurred_at', $1,
            'text', jsonb_build_object(
                'title', format('%s: worker %s is released', environment, worker_id),
                'lines', jsonb_build_array(
                    format('Released by %s: %s', $2, $3),
                    format('It was barred for: %s', reason),
                    format('Alert: %s', alert_id)))),
        $1
    from told
)
select worker_id, environment, barred_at, reason, alert_id
from released
order by worker_id, environment
