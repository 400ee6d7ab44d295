-- $1: functions, $2: the task that is meant of each, null for any.
with
-- The last run of each that did its work; nulls where there was none.
good as (
    select wanted.function, wanted.task, last.started_at, last.finished_at
    from unnest($1, $2) as wanted (function, task)
    left join lateral (
        select started_at, finished_at
        from watchkeeper.ledger
        where ledger.function = wanted.function and outcome <> 'failed'
            and (wanted.task is null or ledger.summary ->> 'task' = wanted.task)
        order by finished_at desc
        limit 1
    ) as last on true
)
select function, task, started_at, finished_at, true as succeeded, null as error
from good
where finished_at is not null
union all
select good.function, good.task, bad.started_at, bad.finished_at, false, bad.error
from good
cross join lateral (
    select started_at, finished_at, left(error, 300) as error
    from watchkeeper.ledger
    where ledger.function = good.function
        and outcome = 'failed'
        and (good.task is null or ledger.summary ->> 'task' = good.task)
        and ledger.finished_at > coalesce(good.finished_at, '-infinity')
    order by ledger.finished_at desc
    limit 100
) as bad
