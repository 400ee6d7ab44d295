with same as (
    select silence_id
    from watchkeeper.silences
    where ended_at is null
      and until_at = $4
      and matchers = $2
      and recurring is not distinct from $5
      and author = $6
      and reason = $7
      and (from_at = $3 or ($9 and from_at <= $3))
    order by created_at
    limit 1
),
made as (
    insert into watchkeeper.silences (silence_id, matchers, from_at, until_at, recurring, author, reason, created_at)
    select $1, $2, $3, $4, $5, $6, $7, $8
    where not exists (select from same)
    returning silence_id
)
select silence_id from made
union all
select silence_id from same
