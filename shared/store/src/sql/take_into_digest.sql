-- Some of what was suppressed before the digest's end and is in none yet. A transaction that began before the last digest
-- and was committed after it is late by minutes at most: statements have limits.
with chosen as (
    select signal.signal_id
    from watchkeeper.signals as signal
    join watchkeeper.digests as digest on digest.digest_id = $1
    where signal.decision = 'suppressed'
      and signal.digest_id is null
      and signal.received_at >= digest.from_at - interval '1 hour'
      and signal.received_at < digest.to_at
    limit $2
),
taken as (
    update watchkeeper.signals as signal
    set digest_id = $1
    from chosen
    where signal.signal_id = chosen.signal_id
    returning signal.signal_id
)
select count(*) as count from taken
