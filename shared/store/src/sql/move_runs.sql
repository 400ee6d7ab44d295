-- $1: the moves. Each takes effect only where the row stands as it was read; what tells of it is written with it, or not
-- at all. $2: the instant.
with moves as materialized (
    select *
    from jsonb_to_recordset($1) as move (
        source text, at timestamptz, was text, was_attempts integer, was_triggered_at timestamptz, with_reason boolean,
        status text, attempts integer, refusals integer, external_id text, triggered_at timestamptz, retry_at timestamptz,
        rearmed boolean, reruns integer, failure_reason text, last_failure text, told_failed boolean, from_before boolean,
        unseen boolean, in_story boolean, look jsonb,
        run_id uuid, observed_at timestamptz, most integer, signal_id text, signal_body text)
),
-- A trigger takes one of the source's places: oldest first, as many as are left.
places as (
    select
        source, at,
        row_number() over (partition by source order by at) + (
            select count(*)
            from watchkeeper.forecast_runs as busy
            where busy.source = moves.source and busy.status in ('triggered', 'running')
        ) as place
    from moves
    where most is not null
),
locked as materialized (
    select run.source, run.run_timestamp
    from watchkeeper.forecast_runs as run
    join moves on moves.source = run.source and moves.at = run.run_timestamp
    order by run.source, run.run_timestamp
    for update of run
),
moved as (
    update watchkeeper.forecast_runs as run
    set status                = moves.status,
        attempts              = moves.attempts,
        retry_count           = greatest(moves.attempts - 1, 0),
        refusals              = moves.refusals,
        external_id           = moves.external_id,
        triggered_at          = moves.triggered_at,
        retry_at              = moves.retry_at,
        rearmed               = moves.rearmed,
        reruns                = moves.reruns,
        failure_reason        = moves.failure_reason,
        last_failure          = moves.last_failure,
        told_failed           = moves.told_failed,
        from_before           = moves.from_before,
        unseen                = moves.unseen,
        in_story              = moves.in_story,
        look                  = coalesce(moves.look, run.look),
        run_id                = coalesce(moves.run_id, run.run_id),
        source_data_timestamp = coalesce(moves.observed_at, run.source_data_timestamp),
        finished_at           = case when moves.status in ('complete', 'failed') then coalesce(run.finished_at, $2) end,
        announced_at          = case when moves.status = run.status then run.announced_at end
    from moves
    join locked on locked.source = moves.source and locked.run_timestamp = moves.at
    left join places on places.source = moves.source and places.at = moves.at
    where run.source = moves.source
      and run.run_timestamp = moves.at
      and run.status = moves.was
      and (moves.was_attempts is null
           or (run.attempts = moves.was_attempts and run.triggered_at is not distinct from moves.was_triggered_at))
      and (not moves.with_reason or run.failure_reason is not null)
      and (moves.most is null or places.place <= moves.most)
    returning run.source, run.run_timestamp, run.run_id
),
told as (
    insert into watchkeeper.signal_outbox (id, body)
    select moves.signal_id, moves.signal_body
    from moved
    join moves on moves.source = moved.source and moves.at = moved.run_timestamp
    where moves.signal_id is not null
    on conflict (id) do nothing
)
select source, run_timestamp, run_id from moved
