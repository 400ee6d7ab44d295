-- $1, $2: sources and nominal times, pair by pair.
with
wanted as (
    select * from unnest($1, $2) as wanted (source, run_timestamp)
),
-- Besides, the newest of each source that is complete: it lives, whatever becomes of those that are awaited.
complete as (
    select last.run_id
    from (select distinct source from wanted) as sources
    cross join lateral (
        select run_id
        from watchkeeper.forecast_runs
        where forecast_runs.source = sources.source and status = 'complete'
        order by run_timestamp desc
        limit 1
    ) as last
)
select run_id::text as run_id, source, run_timestamp, status, retry_count, retry_at,
       left(coalesce(failure_reason, last_failure), 300) as failure_reason, triggered_at, finished_at
from watchkeeper.forecast_runs
where (source, run_timestamp) in (select source, run_timestamp from wanted)
    or run_id in (select run_id from complete)
order by source, run_timestamp
