insert into watchkeeper.alert_sources (fingerprint, source, status, severity, changed_at)
select fingerprint, source, status, severity, changed_at
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
    as new (fingerprint, source, status, severity, changed_at)
on conflict (fingerprint, source) do update
set status     = excluded.status,
    severity   = excluded.severity,
    changed_at = excluded.changed_at
