-- What is expected to be heard, and what was.

create table watchkeeper.heartbeats (
    name            text        primary key,
    status          text        not null check (status in ('new', 'up', 'late', 'down', 'paused')),
    -- The instant of the last transition.
    since           timestamptz not null,
    -- When it turns down if nothing comes; null where nothing is expected.
    deadline_at     timestamptz,
    last_signal_at  timestamptz,
    last_success_at timestamptz,
    -- Runs under way, failures in a row, and whatever else only the decision itself asks about.
    memory          jsonb       not null
);

-- Each nominal time of a schedule; of a heartbeat with `every`, those that passed without a signal.
create table watchkeeper.heartbeat_slots (
    name        text        not null,
    slot_at     timestamptz not null,
    status      text        not null check (status in ('due', 'late', 'running', 'done', 'missing')),
    run_id      text,
    started_at  timestamptz,
    finished_at timestamptz,
    -- Nothing follows from it any more: evaluations read the others only.
    settled     boolean     not null,
    primary key (name, slot_at),
    check (status <> 'done' or settled)
);
create index heartbeat_slots_open on watchkeeper.heartbeat_slots (name, slot_at) where not settled;

create table watchkeeper.heartbeat_transitions (
    name        text        not null,
    from_status text        not null check (from_status in ('new', 'up', 'late', 'down', 'paused')),
    to_status   text        not null check (to_status in ('new', 'up', 'late', 'down', 'paused')),
    reason      text        not null,
    at          timestamptz not null,
    -- The heartbeat of one of our own functions is not raised as a signal: this is what the topic `self` is told of it,
    -- and when it was.
    notice      text,
    told_at     timestamptz,
    primary key (name, at, to_status)
);
create index heartbeat_transitions_untold on watchkeeper.heartbeat_transitions (at)
    where notice is not null and told_at is null;

-- What jobs told by themselves.
create table watchkeeper.heartbeat_pings (
    -- The id of the queue's message, or one of our own.
    ping_id     text        primary key,
    name        text        not null,
    signal      text        not null check (signal in ('start', 'success', 'fail', 'log')),
    run_id      text,
    exit_status integer,
    body        text,
    received_at timestamptz not null
);
create index heartbeat_pings_by_name on watchkeeper.heartbeat_pings (name, received_at);
create index heartbeat_pings_by_time on watchkeeper.heartbeat_pings (received_at);

-- Expiring rights to do a job. The token rises with each holder: what an earlier one still writes is refused by it.
create table watchkeeper.leases (
    name       text        primary key,
    token      bigint      not null,
    holder     text        not null,
    expires_at timestamptz not null,
    -- The instant that the job was last done for: what is older writes nothing.
    done_for   timestamptz
);

-- The processing of upstream cycles, one row for each.
create table watchkeeper.forecast_runs (
    run_id                uuid        primary key default gen_random_uuid(),
    source                text        not null,
    model                 text,
    run_timestamp         timestamptz not null,
    source_data_timestamp timestamptz,
    storage_path          text        not null default '',
    status                text        not null check (status in (
        'due', 'late', 'held', 'triggered', 'running', 'complete', 'failed', 'deleted')),
    external_id           text,
    retry_count           integer     not null default 0,
    failure_reason        text,
    inference_duration_ms bigint,
    triggered_at          timestamptz,
    finished_at           timestamptz,
    unique (source, run_timestamp)
);

-- Each evaluation asks what the router holds for firing from heartbeats.
create index alert_sources_of_heartbeats on watchkeeper.alert_sources (source)
    where status = 'firing' and source like 'heartbeat:%';
