-- Tries that were made while the store was gone. One that settles its delivery makes it sent; somebody who is sending it at
-- this moment is left alone.
with told as (
    select delivery_id, told.*, position, fingerprint, dedup_key, notice, integration
    from unnest($1::uuid[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::timestamptz[], $7::boolean[])
        as told (alert_id, receiver, sequence, outcome, provider_id, at, settles)
    join watchkeeper.deliveries as delivery using (alert_id, receiver, sequence)
),
-- A message may be recorded twice, each time with the same note.
attempts as (
    insert into watchkeeper.delivery_attempts (delivery_id, attempted_at, outcome, provider_id)
    select distinct delivery_id, at, outcome, provider_id
    from told
    where not exists (
        select from watchkeeper.delivery_attempts as attempt
        where attempt.delivery_id = told.delivery_id and attempt.attempted_at = told.at)
),
-- Where a key opens and closes incidents ($8), an earlier end of that key that is still to be sent will close this one, and
-- one that was sent since has closed it: all that comes after that end has to be told after it.
too_early as (
    update watchkeeper.deliveries as delivery
    set status = 'pending',
        due_at = now()
    from told
    where delivery.delivery_id = told.delivery_id
      and told.settles
      and told.integration = any($8)
      and delivery.status in ('pending', 'sent')
      and delivery.sent_at is null
      and exists (
          select from watchkeeper.deliveries as earlier
          where earlier.fingerprint = told.fingerprint
            and earlier.receiver = told.receiver
            and earlier.dedup_key = told.dedup_key
            and earlier.position < told.position
            and earlier.notice = 'resolved'
            and (earlier.status in ('pending', 'sending') or earlier.sent_at >= told.at))
    returning delivery.delivery_id
),
settled as (
    select distinct on (delivery_id) delivery_id, alert_id, receiver, sequence, provider_id, at
    from told
    where settles
      and delivery_id not in (select delivery_id from too_early)
    order by delivery_id, at
),
sent as (
    update watchkeeper.deliveries as delivery
    set status       = 'sent',
        sent_at      = settled.at,
        receipt      = case when provider_id is not null then jsonb_build_object('provider_id', provider_id) end,
        attempts     = delivery.attempts + 1,
        waits_for    = null,
        held_because = null,
        held_until   = null
    from settled
    where delivery.delivery_id = settled.delivery_id
      and delivery.status <> 'sending'
      and delivery.sent_at is null
),
-- A superseded key is closed once its heir is open.
heirs as (
    update watchkeeper.deliveries as waiting
    set due_at    = now(),
        waits_for = null
    from settled
    where waiting.alert_id = settled.alert_id
      and waiting.receiver = settled.receiver
      and waiting.waits_for = settled.sequence
      and waiting.status = 'pending'
      and waiting.delivery_id not in (select delivery_id from settled)
)
select count(*) as settled from settled
