-- Lists in a digest ($1) what a restore left untold, by alert, the worst first and no more than $2; and counts all of it. Of
-- two that do so at once, the second finds nothing. The synthetic alert bothers nobody.
with listed as (
    update watchkeeper.deliveries
    set listed_in = $1
    where cancelled_because is not null
      and listed_in is null
    returning delivery_id, alert_id, receiver, notice, notification, urgency, position, created_at
),
told as (
    select
        *,
        coalesce((notification ->> 'opened_at')::timestamptz, created_at)       as since,
        coalesce(notification -> 'text' ->> 'title', notification ->> 'subject') as subject
    from listed
    where notification ->> 'kind' <> 'synthetic'
)
select
    alert_id,
    (array['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'])[min(urgency)]   as severity,
    min(notification ->> 'kind')                                 as kind,
    min(subject)                                                 as subject,
    min(since)                                                   as since,
    array_agg(notice || ' to ' || receiver order by position)    as notices,
    count(*) over ()                                             as alerts,
    (sum(count(*)) over ())::bigint                              as deliveries
from told
group by coalesce(alert_id, delivery_id), alert_id
order by min(urgency), min(since), min(position)
limit $2
