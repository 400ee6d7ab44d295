update watchkeeper.signals as signal
set alert_id     = new.alert_id,
    decision     = new.decision,
    reason       = new.reason,
    reason_ref   = new.reason_ref,
    reason_until = new.reason_until
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
    as new (signal_id, alert_id, decision, reason, reason_ref, reason_until)
where signal.signal_id = new.signal_id
  and signal.decision is null
