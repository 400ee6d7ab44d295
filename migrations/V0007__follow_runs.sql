-- How the run of each cycle is followed, by whatever shows how it stands.
alter table watchkeeper.forecast_runs
    -- How often it was triggered since it was last armed by a person; `retry_count` is one less, from the first on.
    add column attempts     integer     not null default 0,
    -- How often in a row the trigger surely accepted nothing.
    add column refusals     integer     not null default 0,
    -- Not to be triggered before this.
    add column retry_at     timestamptz,
    -- It was armed once by itself after the trigger had refused it for good.
    add column rearmed      boolean     not null default false,
    -- How often it was processed again because upstream had published it again.
    add column reruns       integer     not null default 0,
    -- What went wrong with the attempt before; `failure_reason` belongs to `failed` alone, so that a row which a statement
    -- has set to `failed` has none.
    add column last_failure text,
    -- `run-failed` was raised for it, and has not been ended.
    add column told_failed  boolean     not null default false,
    -- What upstream showed when it was last looked at.
    add column look         jsonb,
    -- When its metrics were published.
    add column announced_at timestamptz;

create index forecast_runs_open on watchkeeper.forecast_runs (source, run_timestamp)
    where status in ('due', 'late', 'held', 'triggered', 'running');
-- Whoever completes or fails a run, what is to be told of it is found here.
create index forecast_runs_untold on watchkeeper.forecast_runs (source, run_timestamp)
    where status in ('complete', 'failed') and announced_at is null;
