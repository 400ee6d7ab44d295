-- Records what came of a try, and moves the delivery on if we still hold its lease.
with attempt as (
    insert into watchkeeper.delivery_attempts (
        delivery_id, attempted_at, outcome, http_status, provider_id, latency_ms, error)
    values ($1, $3, $4, $5, $6, $7, $8)
),
finished as (
    update watchkeeper.deliveries
    set status      = $9,
        due_at      = coalesce($10, due_at),
        sent_at     = case when $9 = 'sent' then $3 end,
        receipt     = coalesce($11, receipt),
        lease_until = null,
        lease_token = null
    where delivery_id = $1
      and lease_token = $2
      and status = 'sending'
    returning alert_id, receiver, sequence, status
),
-- A superseded key is closed once its heir is open; if the heir is refused, the old one stays open.
heirs as (
    update watchkeeper.deliveries as waiting
    set status    = case finished.status when 'failed' then 'cancelled' else 'pending' end,
        due_at    = $3,
        waits_for = null
    from finished
    where waiting.alert_id = finished.alert_id
      and waiting.receiver = finished.receiver
      and waiting.waits_for = finished.sequence
      and waiting.status = 'pending'
      and finished.status in ('sent', 'failed')
)
select count(*) as won from finished
