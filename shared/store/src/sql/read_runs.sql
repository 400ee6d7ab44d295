-- $1, $2: sources, and the oldest nominal time wanted of each. Besides, whatever is open of them, and what has ended and
-- was not told.
select
    run.run_id, run.source, run.run_timestamp, run.status, run.attempts, run.refusals, run.external_id, run.triggered_at,
    run.retry_at, run.rearmed, run.reruns, run.failure_reason, run.last_failure, run.told_failed, run.look,
    run.finished_at, run.announced_at, run.inference_duration_ms
from unnest($1::text[], $2::timestamptz[]) as wanted (source, from_at)
join watchkeeper.forecast_runs as run
  on run.source = wanted.source
 and (run.run_timestamp >= wanted.from_at
      or run.status in ('due', 'late', 'held', 'triggered', 'running')
      or (run.status in ('complete', 'failed') and run.announced_at is null))
order by run.run_timestamp, run.source
