-- Takes what is due, the worst first. Rows of one (fingerprint, receiver) go out one after another: only the first
-- unfinished counts.
with heads as (
    select distinct on (fingerprint, receiver)
        delivery_id, receiver, status, due_at, lease_until, position,
        array_position(array['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'], notification ->> 'severity') as urgency
    from watchkeeper.deliveries
    where status in ('pending', 'sending')
    order by fingerprint, receiver, position
),
-- A few of each receiver at a time: one that hangs must not hold up the pages of another.
turns as (
    select delivery_id, urgency, row_number() over (partition by receiver order by urgency, due_at, position) as turn
    from heads
    where (status = 'pending' and due_at <= $1)
       or (status = 'sending' and lease_until < $1)
),
due as (
    select delivery_id, delivery.status = 'sending' as abandoned
    from watchkeeper.deliveries as delivery
    join turns using (delivery_id)
    where turn <= $4
      and ((delivery.status = 'pending' and delivery.due_at <= $1)
           or (delivery.status = 'sending' and delivery.lease_until < $1))
    order by urgency, delivery.due_at, delivery.position
    limit $3
    for update of delivery skip locked
),
-- Whoever held the lease died before it could say what came of it.
unknown as (
    insert into watchkeeper.delivery_attempts (delivery_id, attempted_at, outcome, error)
    select delivery_id, $1, 'ambiguous', 'the sender died before it could record the outcome'
    from due
    where abandoned
)
update watchkeeper.deliveries as delivery
set status      = 'sending',
    lease_until = $2,
    lease_token = gen_random_uuid(),
    attempts    = delivery.attempts + 1
from due
where delivery.delivery_id = due.delivery_id
returning
    delivery.delivery_id, delivery.lease_token, delivery.receiver, delivery.attempts, delivery.created_at,
    delivery.notification,
    due.abandoned or exists (
        select from watchkeeper.delivery_attempts as attempt
        where attempt.delivery_id = delivery.delivery_id and attempt.outcome = 'ambiguous'
    ) as repeat
