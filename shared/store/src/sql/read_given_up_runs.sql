-- $1, $2: sources, and a nominal time of each. What was given up since the last run before it that is complete.
select run.source, run.run_timestamp
from unnest($1::text[], $2::timestamptz[]) as ended (source, until_at)
join watchkeeper.forecast_runs as run
  on run.source = ended.source
 and run.run_timestamp <= ended.until_at
 and run.run_timestamp > coalesce(
         (select max(done.run_timestamp)
          from watchkeeper.forecast_runs as done
          where done.source = ended.source and done.run_timestamp < ended.until_at and done.status = 'complete'),
         '-infinity')
where run.status = 'failed' and run.triggered_at is null and run.failure_reason is not null
order by run.source, run.run_timestamp
limit 10000
