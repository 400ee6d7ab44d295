-- When the next delivery can go out that is due and waits for its receiver's rate.
with heads as (
    select distinct on (fingerprint, receiver)
        receiver, status, due_at, lease_until
    from watchkeeper.deliveries
    where status in ('pending', 'sending')
    order by fingerprint, receiver, position
),
due as (
    select distinct receiver
    from heads
    where (status = 'pending' and due_at <= $1) or (status = 'sending' and lease_until < $1)
)
-- A bucket holds a token as soon as it lacks less than all but one.
select min(greatest(
    state.full_at - make_interval(secs => (given.burst - 1) * given.every), state.paused_until, $1)) as next_at
from due
join unnest($2::text[], $3::float8[], $4::float8[]) as given (receiver, every, burst) using (receiver)
join watchkeeper.receiver_states as state using (receiver)
