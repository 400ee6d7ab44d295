-- In the order given: `position` is the order in which rows of one (fingerprint, receiver) go out.
insert into watchkeeper.deliveries (
    alert_id, fingerprint, receiver, integration, notice, sequence, dedup_key, status, due_at, waits_for, notification,
    held_because, held_until, fallback, created_at)
select
    alert_id, fingerprint, receiver, integration, notice, sequence, dedup_key, status,
    case when waits_for is null then coalesce(not_before, now()) end, waits_for, notification,
    held_because, held_until,
    case when fallback is null then '{}' else array(select jsonb_array_elements_text(fallback)) end, now()
from unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::text[], $8::text[], $9::integer[],
    $10::jsonb[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::jsonb[]
) with ordinality as new (
    alert_id, fingerprint, receiver, integration, notice, sequence, dedup_key, status, waits_for, notification,
    held_because, held_until, not_before, fallback, place)
order by place
