-- Whatever was suppressed before the digest's end and is in none yet. A transaction that began before the last digest and
-- was committed after it is late by minutes at most: statements have limits.
with digest as (
    select digest_id, from_at, to_at
    from watchkeeper.digests
    where digest_id = $1
),
taken as (
    update watchkeeper.signals as signal
    set digest_id = digest.digest_id
    from digest
    where signal.decision = 'suppressed'
      and signal.digest_id is null
      and signal.received_at >= digest.from_at - interval '1 hour'
      and signal.received_at < digest.to_at
    returning signal.severity, signal.source, signal.kind, signal.subject, signal.reason
)
select severity, source, kind, subject, reason, count(*) as count
from taken
group by severity, source, kind, subject, reason
