-- Tells the fallback of deliveries that were not accepted: a row of the same alert for each receiver that has no such row
-- yet. $6 says that they took too long; without it only those count that were given up, or whose receiver is unhealthy.
with owed as (
    select
        delivery.delivery_id, delivery.alert_id, delivery.fingerprint, delivery.receiver, delivery.notice,
        delivery.dedup_key, delivery.notification, delivery.position,
        -- What nobody could be told of a failure goes straight to people, and so does what is overdue and names nobody.
        delivery.fallback || case when (delivery.status = 'failed' and delivery.notification ->> 'kind' = 'delivery-failed')
                                    or ($6 and delivery.fallback = '{}')
                                  then $5 else '{}' end as whom
    from watchkeeper.deliveries as delivery
    left join watchkeeper.receiver_states as state using (receiver)
    where delivery.delivery_id = any($1)
      and delivery.alert_id is not null
      and delivery.fell_back_at is null
      and case when $6 then delivery.status in ('pending', 'sending')
               else delivery.status = 'failed'
                   or (delivery.status = 'pending' and state.unhealthy_since is not null) end
),
marked as (
    update watchkeeper.deliveries
    set fell_back_at = $2
    where delivery_id = any(array(select delivery_id from owed where whom <> '{}'))
),
-- Of an alert that ended meanwhile, the end goes along.
lines as (
    select delivery_id, alert_id, fingerprint, receiver, notice, dedup_key, notification, position, whom, 0 as line
    from owed
    union all
    select
        owed.delivery_id, owed.alert_id, owed.fingerprint, owed.receiver, 'resolved', owed.dedup_key,
        owed.notification || jsonb_build_object('notice', 'resolved', 'occurred_at', alert.resolved_at),
        owed.position, owed.whom, 1
    from owed
    join watchkeeper.alerts as alert using (alert_id)
    where owed.notice in ('firing', 'severity', 'reminder', 'flapping', 'escalation')
      and alert.status = 'resolved'
      and alert.event_key is null
),
told as (
    select distinct on (line.alert_id, instead.receiver, line.notice, line.dedup_key)
        line.alert_id, line.fingerprint, instead.receiver, instead.integration, line.notice, line.dedup_key,
        line.notification, line.position, line.line
    from lines as line
    cross join lateral (
        select receiver, integration
        from unnest($3::text[], $4::text[]) as known (receiver, integration)
        where known.receiver = any(line.whom)
    ) as instead
    where instead.receiver <> line.receiver
      and not exists (
          select from watchkeeper.deliveries as other
          where other.alert_id = line.alert_id
            and other.receiver = instead.receiver
            and other.notice = line.notice
            and other.dedup_key = line.dedup_key)
    order by line.alert_id, instead.receiver, line.notice, line.dedup_key, line.position, line.line
)
insert into watchkeeper.deliveries (
    alert_id, fingerprint, receiver, integration, notice, sequence, dedup_key, status, due_at, notification, created_at)
select
    told.alert_id, told.fingerprint, told.receiver, told.integration, told.notice,
    coalesce(last.sequence, -1) + row_number() over (
        partition by told.alert_id, told.receiver order by told.position, told.line)::integer,
    told.dedup_key, 'pending', $2, told.notification, $2
from told
cross join lateral (
    select max(other.sequence) as sequence
    from watchkeeper.deliveries as other
    where other.alert_id = told.alert_id and other.receiver = told.receiver
) as last
order by told.position, told.line
returning delivery_id
