-- What is remembered of heartbeats. The caller holds their lock and has read what stands here.
insert into watchkeeper.heartbeats (name, status, since, deadline_at, last_signal_at, last_success_at, memory)
select *
from unnest(
    $1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::jsonb[])
on conflict (name) do update
set status          = excluded.status,
    since           = excluded.since,
    deadline_at     = excluded.deadline_at,
    last_signal_at  = excluded.last_signal_at,
    last_success_at = excluded.last_success_at,
    memory          = excluded.memory
