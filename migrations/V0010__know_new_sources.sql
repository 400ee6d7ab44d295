-- What a source missed before it was watched, and what ends where the watch file has no such source any more.
alter table watchkeeper.forecast_runs
    -- Upstream did not have it when its source was first looked at: it is awaited, and nobody is told that it is late.
    add column from_before boolean not null default false,
    -- Nobody looked at it in time: a backfill does.
    add column unseen      boolean not null default false,
    -- That it was given up is told by the signal of another.
    add column in_story    boolean not null default false;

-- What a statement has reset, whenever it is from.
create index forecast_runs_reset on watchkeeper.forecast_runs (source, run_timestamp)
    where status = 'failed' and failure_reason is null;
-- Runs of which people were told that they have failed.
create index forecast_runs_told on watchkeeper.forecast_runs (source, run_timestamp) where told_failed;
