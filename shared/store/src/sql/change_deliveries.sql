-- Cancels what was not sent yet, and releases what waited for another row. A waiting row that its failed heir has
-- cancelled meanwhile is wanted again: the end of an alert closes every key.
update watchkeeper.deliveries as delivery
set status            = new.status,
    due_at            = now(),
    waits_for         = null,
    held_because      = null,
    held_until        = null,
    cancelled_because = null
from unnest($1::uuid[], $2::text[], $3::integer[], $4::text[]) as new (alert_id, receiver, sequence, status)
where delivery.alert_id = new.alert_id
  and delivery.receiver = new.receiver
  and delivery.sequence = new.sequence
  and (delivery.status = 'pending'
       or (new.status = 'pending' and delivery.status = 'cancelled')
       or (new.status = 'cancelled' and delivery.status = 'held'))
