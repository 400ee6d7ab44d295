-- Ids of alerts are those of their first signals, which are made in order of time.
select
    alert_id,
    jsonb_build_object(
        'alert_id', alert_id,
        'fingerprint', fingerprint,
        'kind', kind,
        'subject', subject,
        'environment', environment,
        'labels', labels,
        'worker_id', worker_id,
        'severity', severity,
        'notified_severity', notified_severity,
        'status', status,
        'summary', summary,
        'source', source,
        'runbook', runbook,
        'opened_at', opened_at,
        'last_signal_at', last_signal_at,
        'signal_count', signal_count,
        'resolved_at', resolved_at,
        'close_reason', close_reason,
        'acknowledged_at', acknowledged_at,
        'acknowledged_by', acknowledged_by,
        'acknowledged_until', acknowledged_until,
        'muted_reason', muted_reason,
        'muted_until', muted_until,
        'muted_because', muted_because) as alert
from watchkeeper.alerts
-- The synthetic alert is nobody's.
where kind <> 'synthetic'
  and ($1::text[] is null or severity = any ($1))
  and ($2::timestamptz is null or opened_at >= $2)
  and ($3::text is null or worker_id = $3)
  and (not $4 or (status = 'firing' and (acknowledged_at is null or acknowledged_until <= $5)))
  and ($6::uuid is null or alert_id < $6)
order by alert_id desc
limit $7
