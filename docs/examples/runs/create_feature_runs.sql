-- The runs of the job that computes features: a row is written as a run begins, and finished once.
create table feature_runs (
    run_id         uuid        primary key default gen_random_uuid(),
    started_at     timestamptz not null default now(),
    -- Null while it is under way; a run that died leaves it so.
    finished_at    timestamptz check (finished_at >= started_at),
    rows_read      integer     not null default 0,
    rows_written   integer     not null default 0,
    -- Null where it succeeded.
    error_message  text        check (error_message is null or finished_at is not null)
);
create index feature_runs_by_start on feature_runs (started_at desc);

-- A run that has finished stays as it is, and none is taken back: the ledger is evidence.
create function feature_runs_keep() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' or old.finished_at is not null or new.run_id <> old.run_id or new.started_at <> old.started_at then
        raise exception 'feature_runs is append-only: a run is begun, and finished once';
    end if;
    return new;
end $$;
create trigger feature_runs_keep before update or delete on feature_runs for each row execute function feature_runs_keep();

-- The job writes, whoever watches reads; nobody deletes. Put the names of your own roles here:
--   grant insert, select on feature_runs to your_job;
--   grant update (finished_at, rows_read, rows_written, error_message) on feature_runs to your_job;
--   grant select on feature_runs to your_watcher;
