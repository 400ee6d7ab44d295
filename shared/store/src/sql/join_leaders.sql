-- Says on the deliveries of alerts that wait who is told with them. Where one was sent meanwhile nobody would hear of the
-- others: the division by zero aborts the transaction, and the signals are decided anew.
with new as (
    select leader, array_agg(note order by place) as notes
    from unnest($1::uuid[], $2::text[]) with ordinality as joined (leader, note, place)
    group by leader
),
told as (
    update watchkeeper.deliveries as delivery
    set notification = jsonb_set(
            notification, '{notes}',
            coalesce(notification -> 'notes', '[]') || case
                when jsonb_array_length(coalesce(notification -> 'notes', '[]')) < $3 then to_jsonb(notes[1:$3])
                else '[]'
            end)
    from new
    where delivery.alert_id = new.leader
      and delivery.notice in ('firing', 'severity', 'flapping')
      and delivery.status in ('pending', 'held')
    returning delivery.alert_id
)
select 1 / (count(distinct alert_id) = (select count(*) from new))::integer as all_wait
from told
