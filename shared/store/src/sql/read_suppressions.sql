select
    signal.reason,
    signal.reason_ref,
    silence.author,
    silence.reason                   as silence_reason,
    max(signal.reason_until)         as until,
    coalesce(silence.ended_at, other.resolved_at) as ended_at,
    exists (
        select from watchkeeper.deliveries as told
        where told.alert_id = other.alert_id and told.status = 'sent') as other_told,
    count(*)                         as signals,
    max(signal.received_at)          as last_at
from watchkeeper.signals as signal
left join watchkeeper.silences as silence on silence.silence_id::text = signal.reason_ref
left join watchkeeper.alerts as other on other.alert_id = case when signal.reason in ('inhibited', 'grouped') then signal.reason_ref::uuid end
where signal.decision = 'suppressed'
  and (signal.alert_id = $1 or signal.signal_id = $2)
group by signal.reason, signal.reason_ref, silence.author, silence.reason, silence.ended_at, other.alert_id
order by min(signal.received_at), signal.reason, signal.reason_ref
limit 100
