-- Takes what is due and what its receiver's token bucket allows, the worst first. Rows of one (fingerprint, receiver) go
-- out one after another: only the first unfinished counts. Where a bucket does not hold enough for a storm, first notices
-- (and likewise ends) become one request: the worst leads, and the others are leased with it.
with limits as materialized (
    select receiver, every, burst, folds
    from unnest($5::text[], $6::float8[], $7::float8[], $8::boolean[]) as given (receiver, every, burst, folds)
),
-- The latest of each, whoever changed it since this statement began; always locked in one order.
states as materialized (
    select receiver, full_at, paused_until
    from watchkeeper.receiver_states
    where receiver in (select receiver from limits)
    order by receiver
    for update
),
-- A bucket cannot be emptier than empty, nor a pause longer than an hour: what says so was written by a clock that ran
-- ahead, and is not believed. Clocks of sandboxes are less than ten seconds apart.
believed as (
    select
        limits.receiver, limits.every, limits.burst, limits.folds,
        case
            when state.full_at > $1 + make_interval(secs => limits.burst * limits.every + 10) then $1
            else greatest(state.full_at, $1)
        end as full_at,
        coalesce(state.paused_until > $1 and state.paused_until <= $1 + interval '1 hour 10 seconds', false) as paused
    from limits
    join states as state using (receiver)
),
buckets as materialized (
    select
        receiver, every, folds, full_at,
        case when paused then 0
             -- An instant has microseconds: a token is never missed for a rounding.
             else greatest(floor(burst - extract(epoch from full_at - $1)::float8 / every + 0.00001), 0)
        end as tokens
    from believed
),
heads as (
    select distinct on (fingerprint, receiver)
        delivery_id, receiver, status, due_at, lease_until, position, urgency, sort
    from watchkeeper.deliveries
    where status in ('pending', 'sending')
      -- However much waits for a receiver that takes nothing now, it costs nothing to look past it.
      and receiver <> all(array(select receiver from buckets where tokens < 1))
    order by fingerprint, receiver, position
),
due as materialized (
    select delivery_id, receiver, urgency, due_at, position, sort
    from heads
    where receiver <> all($9)
      and ((status = 'pending' and due_at <= $1) or (status = 'sending' and lease_until < $1))
),
storms as (
    select
        due.delivery_id, due.receiver, due.urgency, due.due_at, due.position, bucket.tokens,
        case
            when due.sort is not null and bucket.folds
                and count(*) over (partition by due.receiver) > bucket.tokens
                and count(*) over (partition by due.receiver, due.sort) > 10
            then due.sort
        end as fold,
        row_number() over (partition by due.receiver, due.sort order by due.urgency, due.due_at, due.position) as place
    from due
    left join buckets as bucket using (receiver)
),
-- A few of each receiver at a time: one that hangs must not hold up the pages of another. A receiver that nothing is known
-- of has left the watch file.
turns as (
    select
        delivery_id, receiver, fold, urgency, due_at, position, tokens,
        row_number() over (partition by receiver order by urgency, due_at, position) as turn
    from storms
    where fold is null or place = 1
),
chosen as materialized (
    select delivery_id, receiver, fold
    from turns
    where turn <= least($4, tokens)
    order by urgency, due_at, position
    limit $3
),
picked as (
    select storm.delivery_id
    from storms as storm
    join chosen
      on chosen.receiver = storm.receiver
     and (chosen.delivery_id = storm.delivery_id
          -- What is left over makes another request.
          or (chosen.fold = storm.fold and storm.place <= 5000))
),
locked as materialized (
    select delivery_id, receiver, urgency, due_at, position, sort, status = 'sending' as abandoned
    from watchkeeper.deliveries
    where delivery_id = any(array(select delivery_id from picked))
      and ((status = 'pending' and due_at <= $1) or (status = 'sending' and lease_until < $1))
    for update skip locked
),
-- Whoever is the worst of those that nobody else took leads.
taken as materialized (
    select
        locked.delivery_id, locked.receiver, chosen.fold, locked.abandoned,
        first_value(locked.delivery_id) over together as leader
    from locked
    left join chosen on chosen.receiver = locked.receiver and chosen.fold = locked.sort
    window together as (
        partition by locked.receiver, coalesce(chosen.fold, locked.delivery_id::text)
        order by locked.urgency, locked.due_at, locked.position)
),
requests as materialized (
    select leader, receiver, fold, bool_or(abandoned) as abandoned, gen_random_uuid() as token
    from taken
    group by leader, receiver, fold
),
spent as (
    update watchkeeper.receiver_states as state
    set full_at = bucket.full_at + make_interval(secs => bucket.every * request.count)
    from (select receiver, count(*) from requests group by receiver) as request
    join buckets as bucket using (receiver)
    where state.receiver = request.receiver
),
-- Whoever held the lease died before it could say what came of it.
unknown as (
    insert into watchkeeper.delivery_attempts (delivery_id, attempted_at, outcome, error)
    select delivery_id, $1, 'ambiguous', 'the sender died before it could record the outcome'
    from taken
    where abandoned
),
leased as (
    update watchkeeper.deliveries as delivery
    set status      = 'sending',
        lease_until = $2,
        lease_token = request.token,
        attempts    = delivery.attempts + 1,
        folded_into = nullif(request.leader, delivery.delivery_id)
    from requests as request
    where delivery.delivery_id = any(array(select delivery_id from taken))
      and delivery.receiver = request.receiver
      and (delivery.delivery_id = request.leader or delivery.sort = request.fold)
    returning
        delivery.delivery_id, request.leader, delivery.urgency, delivery.due_at, delivery.position,
        delivery.lease_token, delivery.receiver, delivery.attempts,
        coalesce(delivery.released_at, delivery.created_at)                                 as waiting_since,
        case when delivery.delivery_id = request.leader then delivery.notification end      as notification,
        delivery.notification ->> 'severity'                                                as severity,
        delivery.notification ->> 'subject'                                                 as subject,
        delivery.fallback <> '{}' or delivery.notification ->> 'kind' = 'delivery-failed'   as told_instead,
        request.abandoned or exists (
            select from watchkeeper.delivery_attempts as attempt
            where attempt.delivery_id = delivery.delivery_id and attempt.outcome = 'ambiguous'
        ) as repeat
),
-- The leader comes first.
companies as (
    select
        leader,
        bool_or(repeat)                                               as repeat,
        bool_or(told_instead)                                         as told_instead,
        array_agg(delivery_id order by urgency, due_at, position)     as ids,
        array_agg(severity order by urgency, due_at, position)        as severities,
        array_agg(subject order by urgency, due_at, position)         as subjects
    from leased
    group by leader
)
select
    lead.delivery_id, lead.lease_token, lead.receiver, lead.attempts, lead.waiting_since, lead.notification,
    company.repeat, company.told_instead, company.ids[2:] as ids, company.severities[2:21] as severities,
    company.subjects[2:21] as subjects
from leased as lead
join companies as company using (leader)
where lead.delivery_id = lead.leader
