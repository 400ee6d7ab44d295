-- When the next critical delivery can go out that is due and waits for its receiver's rate. However much else waits, it is
-- not read.
with due as (
    select distinct receiver
    from watchkeeper.deliveries as delivery
    where status in ('pending', 'sending')
      and urgency = 1
      and ((status = 'pending' and due_at <= $1) or (status = 'sending' and lease_until < $1))
      -- Rows of one (fingerprint, receiver) go out one after another.
      and not exists (
          select from watchkeeper.deliveries as before
          where before.fingerprint = delivery.fingerprint
            and before.receiver = delivery.receiver
            and before.status in ('pending', 'sending')
            and before.position < delivery.position)
)
-- A bucket holds a token as soon as it lacks less than all but one.
select min(greatest(
    state.full_at - make_interval(secs => (given.burst - 1) * given.every), state.paused_until, $1)) as next_at
from due
join unnest($2::text[], $3::float8[], $4::float8[]) as given (receiver, every, burst) using (receiver)
join watchkeeper.receiver_states as state using (receiver)
