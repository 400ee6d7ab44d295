-- The example pipeline that the local watch file watches: somebody else's tables, in their own schema.
create table lane_telemetry (
    ticker text        not null,
    ts     timestamptz not null
);
create index on lane_telemetry (ts);

create table lane_features (
    ticker      text        not null,
    computed_at timestamptz not null
);
create index on lane_features (computed_at);

create table watchlist_state (
    ticker     text        primary key,
    updated_at timestamptz not null
);

create table dispatch_recommendations (
    id         bigint      primary key generated always as identity,
    created_at timestamptz not null
);

create table dispatch_executions (
    id                bigint      primary key generated always as identity,
    recommendation_id bigint      not null references dispatch_recommendations (id),
    executed_at       timestamptz not null
);

create table dispatcher_runs (
    run_id      uuid        primary key default gen_random_uuid(),
    started_at  timestamptz not null,
    finished_at timestamptz
);

-- Healthy: the last hour of a pipeline that works, and the twelve hours to come. Rows count once their time has come, so
-- nobody has to keep writing for the pipeline to look alive.
insert into lane_telemetry (ticker, ts)
select ticker, now() + make_interval(mins => minute)
from unnest(array['ACME', 'GLOBEX', 'INITECH']) as ticker
cross join generate_series(-60, 720) as minute;

insert into lane_features (ticker, computed_at)
select ticker, now() + make_interval(mins => minute)
from unnest(array['ACME', 'GLOBEX', 'INITECH']) as ticker
cross join generate_series(-60, 720, 5) as minute;

insert into watchlist_state (ticker, updated_at)
select ticker, now()
from unnest(array['ACME', 'GLOBEX', 'INITECH']) as ticker;

insert into dispatch_recommendations (created_at)
select now() + make_interval(mins => minute)
from generate_series(-60, 720, 10) as minute;

insert into dispatch_executions (recommendation_id, executed_at)
select id, created_at
from dispatch_recommendations;

insert into dispatcher_runs (started_at, finished_at)
select now() + make_interval(mins => minute), now() + make_interval(mins => minute) + interval '20 seconds'
from generate_series(-61, 720, 10) as minute;
