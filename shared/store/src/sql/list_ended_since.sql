-- When an earlier transaction last recorded an end of each of some conditions, since then. Only what was recorded since the
-- store went away is looked at, by time.
select fingerprint, max(received_at) as ended_at
from watchkeeper.signals
where received_at > $2
  and received_at < now()
  and fingerprint = any($1)
  and status = 'resolved'
group by fingerprint
