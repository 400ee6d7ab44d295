update watchkeeper.signals as signal
set alert_id = new.alert_id,
    decision = new.decision,
    reason   = new.reason
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) as new (signal_id, alert_id, decision, reason)
where signal.signal_id = new.signal_id
  and signal.decision is null
