-- Records what came of a try, and moves the delivery on if we still hold its lease; and what was told in the same request
-- with it.
with tried as (
    select $1 as delivery_id
    union all
    select unnest($12::uuid[])
),
attempts as (
    insert into watchkeeper.delivery_attempts (
        delivery_id, attempted_at, outcome, http_status, provider_id, latency_ms, error)
    select delivery_id, $3, $4, $5, $6, $7, $8
    from tried
),
finished as (
    update watchkeeper.deliveries
    set status      = case delivery_id when $1 then $9 else $13 end,
        due_at      = coalesce($10, due_at),
        sent_at     = case when $9 = 'sent' then $3 end,
        receipt     = case when delivery_id = $1 then coalesce($11, receipt)
                           when $9 = 'sent' then jsonb_build_object('folded_into', $1) end,
        folded_into = case when $9 = 'sent' then folded_into end,
        lease_until = null,
        lease_token = null
    where delivery_id = any(array(select delivery_id from tried))
      and lease_token = $2
      and status = 'sending'
    returning delivery_id, alert_id, receiver, sequence, status
),
-- A superseded key is closed once its heir is open; if the heir is refused, the old one stays open.
heirs as (
    update watchkeeper.deliveries as waiting
    set status       = case when finished.status = 'failed' then 'cancelled' else waiting.status end,
        held_because = case when finished.status <> 'failed' then waiting.held_because end,
        held_until   = case when finished.status <> 'failed' then waiting.held_until end,
        due_at       = $3,
        waits_for    = null
    from finished
    where waiting.alert_id = finished.alert_id
      and waiting.receiver = finished.receiver
      and waiting.waits_for = finished.sequence
      and waiting.status in ('pending', 'held')
      and finished.status in ('sent', 'failed')
),
-- Only an acceptance proves that a receiver is well again.
fares as (
    update watchkeeper.receiver_states as state
    set paused_until     = coalesce($14, state.paused_until),
        unhealthy_since  = case when $4 = 'accepted' then null
                                when $15::text is null then state.unhealthy_since
                                else coalesce(state.unhealthy_since, $3) end,
        unhealthy_reason = case when $4 = 'accepted' then null else coalesce($15, state.unhealthy_reason) end
    from watchkeeper.deliveries as delivery
    where delivery.delivery_id = $1
      and state.receiver = delivery.receiver
      and ($14::timestamptz is not null or $15::text is not null
           or ($4 = 'accepted' and state.unhealthy_since is not null))
),
-- What was given up is told to others; whoever lost the lease says nothing.
raised as (
    insert into watchkeeper.signal_outbox (id, body)
    select $16, $17
    from finished
    where delivery_id = $1 and $16::text is not null
    on conflict (id) do nothing
)
select count(*) as won from finished where delivery_id = $1
