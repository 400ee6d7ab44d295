-- What checks remember between evaluations, and one row per run of a function.

create table watchkeeper.check_states (
    check_name      text             not null,
    -- Identity of the condition, as in alert_sources: (fingerprint, 'check:' || check_name) is its source there.
    fingerprint     text             not null,
    -- Null where the condition is that the check, or its database, could not be asked.
    metric          text,
    kind            text             not null,
    subject         text             not null,
    labels          jsonb            not null,
    status          text             not null check (status in ('firing', 'resolved')),
    severity        text             not null check (severity in ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW')),
    value           double precision,
    -- The first evaluation of those in a row that found it beyond its limit.
    breaching_since timestamptz,
    evaluated_at    timestamptz      not null,
    -- The last evaluation that had a value for it.
    seen_at         timestamptz      not null,
    -- It ran out of its time, and runs last the next time.
    timed_out       boolean          not null,
    primary key (check_name, fingerprint)
);

-- Every evaluation asks what the router holds for firing from checks.
create index alert_sources_of_checks on watchkeeper.alert_sources (source)
    where status = 'firing' and source like 'check:%';

create table watchkeeper.ledger (
    run_id       uuid        primary key,
    function     text        not null,
    -- When the scheduler meant it to run; null for a run by hand.
    scheduled_at timestamptz,
    started_at   timestamptz not null,
    finished_at  timestamptz not null,
    outcome      text        not null check (outcome in ('ok', 'partial', 'failed')),
    summary      jsonb       not null,
    error        text,
    check ((outcome = 'failed') = (error is not null))
);
create index ledger_by_function on watchkeeper.ledger (function, finished_at);
