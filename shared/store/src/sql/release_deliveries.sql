-- Releases what was held, once its hours are there or its receiver is on again. What opened or rose is only worth telling
-- while its alert is open, or where an event opened it; an end only to whoever was told that it began, and not once they
-- are told that it began again: the next end is theirs. A provider that keeps incidents closes each key by itself.
update watchkeeper.deliveries as delivery
set status       = case when worth_telling then 'pending' else 'cancelled' end,
    held_because = null,
    held_until   = null,
    released_at  = case when worth_telling then $2 end,
    due_at       = case when waits then null else $2 end,
    waits_for    = case when waits then delivery.waits_for end
from (
    select
        held.delivery_id,
        case
            when held.notice in ('firing', 'severity', 'reminder', 'flapping', 'escalation')
            then alert.status = 'firing' or alert.event_key is not null
            when held.notice = 'resolved'
            then exists (
                select from watchkeeper.deliveries as earlier
                where earlier.alert_id = held.alert_id
                  and earlier.receiver = held.receiver
                  and earlier.position < held.position
                  and earlier.status in ('pending', 'sending', 'sent')
                  and earlier.notice in ('firing', 'severity', 'reminder', 'flapping', 'escalation'))
              and not exists (
                select from watchkeeper.alerts as newer
                join watchkeeper.deliveries as later using (alert_id)
                where newer.fingerprint = held.fingerprint
                  and newer.alert_id <> held.alert_id
                  and newer.status = 'firing'
                  and later.receiver = held.receiver
                  and later.status in ('pending', 'sending', 'sent', 'held')
                  and later.notice in ('firing', 'severity', 'reminder', 'flapping', 'escalation')
                  and (later.dedup_key = held.dedup_key or held.integration <> all($4)))
            else true
        end as worth_telling,
        held.waits_for is not null and exists (
            select from watchkeeper.deliveries as heir
            where heir.alert_id = held.alert_id
              and heir.receiver = held.receiver
              and heir.sequence = held.waits_for
              and heir.status in ('pending', 'sending', 'held')
        ) as waits
    from watchkeeper.deliveries as held
    left join watchkeeper.alerts as alert using (alert_id)
    where held.delivery_id = any($1)
) as looked_at
where delivery.delivery_id = looked_at.delivery_id
  and delivery.status = 'held'
  and ((delivery.held_because = 'switched-off' and delivery.receiver <> all($3)) or delivery.held_until <= $2)
returning delivery.status
