-- An alert ($1) as it stands, and since when what mutes it is over.
select
    alert.severity, alert.notified_severity, alert.status, alert.opened_at, alert.signal_count, alert.group_until,
    alert.muted_reason, alert.muted_since, alert.muted_until, alert.muted_by, alert.muted_because,
    alert.acknowledged_at, alert.acknowledged_by, alert.acknowledged_until,
    coalesce(silence.ended_at, other.resolved_at) as ended_at
from watchkeeper.alerts as alert
left join watchkeeper.silences as silence on silence.silence_id::text = alert.muted_by
left join watchkeeper.alerts as other on other.alert_id = case when alert.muted_reason in ('inhibited', 'grouped') then alert.muted_by::uuid end
where alert.alert_id = $1
