-- $1, $2: sources, and the oldest nominal time wanted of each. Besides, whatever is open of them, what has ended and was not
-- told, what a statement has reset, the newest before that time, and the one before the oldest that is waited for: they tell
-- what the story is so far.
-- $3, $4: every source there is, and an instant. What is open of others, or was told of them, is nobody's when it is older.
-- $5: of each source the fingerprint of the alert that it is late upstream; whether that is open.
-- $6: another instant. Cycles that were given up before it, and of which people were told, are not made up for any more.
with wanted as materialized (
    select
        source, from_at,
        exists(
            select from watchkeeper.alerts
            where alerts.fingerprint = asked.fingerprint and alerts.status = 'firing'
        ) as is_told_late,
        least(
            from_at,
            (select min(open.run_timestamp)
             from watchkeeper.forecast_runs as open
             where open.source = asked.source and open.status in ('due', 'late'))
        ) as story_at
    from unnest($1::text[], $2::timestamptz[], $5::text[]) as asked (source, from_at, fingerprint)
),
before as materialized (
    select
        source, from_at, is_told_late,
        (select max(run_timestamp) from watchkeeper.forecast_runs as run
         where run.source = wanted.source and run_timestamp < from_at) as newest_at,
        (select max(run_timestamp) from watchkeeper.forecast_runs as run
         where run.source = wanted.source and run_timestamp < story_at) as story_at
    from wanted
)
select
    run.run_id, run.source, run.run_timestamp, run.status, run.attempts, run.refusals, run.external_id, run.triggered_at,
    run.retry_at, run.rearmed, run.reruns, run.failure_reason, run.last_failure, run.told_failed, run.from_before,
    run.unseen, run.in_story, run.look, run.finished_at, run.announced_at, run.inference_duration_ms, true as is_known, before.is_told_late
from before
join watchkeeper.forecast_runs as run
  on run.source = before.source
 and (run.run_timestamp >= before.from_at
      or run.run_timestamp in (before.newest_at, before.story_at)
      or run.status in ('due', 'late', 'held', 'triggered', 'running')
      or (run.status in ('complete', 'failed') and run.announced_at is null)
      or (run.status = 'failed' and run.failure_reason is null))
union all
(select
    run_id, source, run_timestamp, status, attempts, refusals, external_id, triggered_at,
    retry_at, rearmed, reruns, failure_reason, last_failure, told_failed, from_before, unseen, in_story, look,
    finished_at, announced_at, inference_duration_ms, false, false
 from watchkeeper.forecast_runs
 where (status in ('due', 'late', 'held', 'triggered', 'running') or told_failed)
   and ((source <> all($3) and greatest(run_timestamp, triggered_at) < $4)
        or (told_failed and status = 'failed' and triggered_at is null and finished_at < $6))
 order by run_timestamp, source
 limit 1000)
order by run_timestamp, source
