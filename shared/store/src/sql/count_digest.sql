-- What a digest is about.
with digest as (
    select digest_id, from_at, to_at
    from watchkeeper.digests
    where digest_id = $1
)
select severity, source, kind, subject, reason, count(*) as count
from watchkeeper.signals as signal
join digest on signal.received_at >= digest.from_at - interval '1 hour' and signal.received_at < digest.to_at
where signal.digest_id = digest.digest_id
group by severity, source, kind, subject, reason
