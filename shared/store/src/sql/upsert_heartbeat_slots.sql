-- Nominal times that are new or changed. What is done stays done.
insert into watchkeeper.heartbeat_slots (name, slot_at, status, run_id, started_at, finished_at, settled)
select *
from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::boolean[])
on conflict (name, slot_at) do update
set status      = excluded.status,
    run_id      = excluded.run_id,
    started_at  = excluded.started_at,
    finished_at = excluded.finished_at,
    settled     = excluded.settled
where heartbeat_slots.status <> 'done'
