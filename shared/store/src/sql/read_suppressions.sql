select
    signal.reason,
    signal.reason_ref,
    silence.author,
    silence.reason                   as silence_reason,
    max(signal.reason_until)         as until,
    count(*)                         as signals,
    max(signal.received_at)          as last_at
from watchkeeper.signals as signal
left join watchkeeper.silences as silence on silence.silence_id::text = signal.reason_ref
where signal.decision = 'suppressed'
  and (signal.alert_id = $1 or signal.signal_id = $2)
group by signal.reason, signal.reason_ref, silence.author, silence.reason
order by min(signal.received_at), signal.reason, signal.reason_ref
limit 100
