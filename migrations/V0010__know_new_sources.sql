-- What a source missed before it was watched, and what ends where the watch file has no such source any more.
alter table watchkeeper.forecast_runs
    -- Upstream did not have it when its source was first looked at: it is awaited, and nobody is told that it is late.
    add column from_before boolean not null default false;

-- Runs of which people were told that they have failed.
create index forecast_runs_told on watchkeeper.forecast_runs (source, run_timestamp) where told_failed;
