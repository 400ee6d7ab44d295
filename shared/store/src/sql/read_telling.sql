select
    receiver, notice, status, held_because, held_until, due_at, attempts, last.outcome, last.error, paused_until,
    case when fell_back_at is null then '{}' else fallback end as fallback,
    coalesce(cancelled_because = 'restored', false) as restored
from watchkeeper.deliveries as delivery
left join watchkeeper.receiver_states using (receiver)
left join lateral (
    select outcome, error
    from watchkeeper.delivery_attempts as attempt
    where attempt.delivery_id = delivery.delivery_id
    order by attempted_at desc
    limit 1
) as last on true
where alert_id = $1 and status <> 'sent'
order by position desc
limit 100
