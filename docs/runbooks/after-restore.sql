-- After the database was restored from a backup, and before any function reaches it:
--
--   psql "$DATABASE_URL" --file docs/runbooks/after-restore.sql
--   psql "$DATABASE_URL" --set older_than='2 hours' --set settle='3 hours' --file docs/runbooks/after-restore.sql
--
-- The backup holds deliveries that were still to be sent when it was made. Those decided longer than `older_than` (6 hours)
-- ago are not sent any more; a digest lists them. Whatever fires by the record and was told to nobody because of that is told
-- `settle` (1 hour) from now, unless it is heard by then that it is over; something new about it is told at once.
-- A second run changes nothing that the first one did.
\set ON_ERROR_STOP on
\set QUIET on
\if :{?older_than}
\else
    \set older_than '6 hours'
\endif
\if :{?settle}
\else
    \set settle '1 hour'
\endif

begin;
set local client_min_messages = warning;
create temporary table asked on commit drop as
select :'older_than'::interval as older_than, :'settle'::interval as settle;

do $$
begin
    if to_regclass('watchkeeper.deliveries') is null then
        raise exception 'there is no schema watchkeeper: expected the restored database, as in the SSM parameter database/url';
    end if;
    if not exists (
        select from information_schema.columns
        where table_schema = 'watchkeeper' and table_name = 'deliveries' and column_name = 'cancelled_because')
    then
        raise exception 'the backup is older than this release: let the migrator bring its schema up to date first';
    end if;
    if (select older_than <= interval '0' or settle < interval '0' from asked) then
        raise exception 'older_than and settle are spans of time from now, such as 6 hours: neither may be negative';
    end if;
end
$$;

-- As whoever decides about an alert does, in the same order: nobody decides meanwhile.
do $$
begin
    perform pg_advisory_xact_lock(key) from generate_series(0, 255) as key;
end
$$;

create temporary table given_up on commit drop as
with old as (
    select delivery_id, alert_id, receiver, sequence
    from watchkeeper.deliveries
    where status in ('pending', 'sending', 'held')
      and coalesce(released_at, created_at) < now() - (select older_than from asked)
),
cancelled as (
    update watchkeeper.deliveries as delivery
    set status            = 'cancelled',
        cancelled_because = 'restored',
        due_at            = null,
        waits_for         = null,
        lease_until       = null,
        lease_token       = null,
        folded_into       = null,
        held_because      = null,
        held_until        = null
    where status in ('pending', 'sending', 'held')
      and (delivery_id in (select delivery_id from old)
           -- What waits for one of them would wait for ever.
           or (alert_id, receiver, waits_for) in (select alert_id, receiver, sequence from old))
    returning alert_id
)
select alert_id from cancelled;

-- How bad people know it to be, of what is left: at worst, nothing was told.
update watchkeeper.alerts as alert
set notified_severity = left_over.severity
from (
    select
        alert_id,
        (array['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'])[min(urgency) filter (
            where status <> 'cancelled' and status <> 'failed'
              and notice in ('firing', 'severity', 'reminder', 'flapping', 'escalation'))] as severity
    from watchkeeper.deliveries
    where alert_id in (select alert_id from given_up)
    group by alert_id
) as left_over
where alert.alert_id = left_over.alert_id
  and alert.status = 'firing';

create temporary table untold on commit drop as
with muted as (
    update watchkeeper.alerts as alert
    set muted_reason  = 'restored',
        muted_since   = now(),
        muted_until   = now() + (select settle from asked),
        muted_because = 'the database was restored from a backup in which people had yet to be told',
        group_key     = null,
        group_until   = null
    where alert_id in (select alert_id from given_up)
      and status = 'firing'
      and muted_reason is null
      and (event_key is null or exists (
              select from watchkeeper.alert_sources as source
              where source.fingerprint = alert.fingerprint and source.status = 'firing'))
      and (notified_severity is null
           or array_position(array['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'], severity)
              < array_position(array['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'], notified_severity))
    returning alert_id
)
select alert_id from muted;

-- Nor was anything told that was to be told with one of these.
with muted as (
    update watchkeeper.alerts
    set muted_reason  = 'restored',
        muted_until   = now() + (select settle from asked),
        muted_by      = null,
        muted_because = 'the database was restored from a backup in which people had yet to be told'
    where status = 'firing'
      and muted_reason = 'grouped'
      and muted_by in (select alert_id::text from untold)
    returning alert_id
)
insert into untold
select alert_id from muted;

\pset tuples_only on
\pset format unaligned
select format('%s deliveries are not sent any more; the next digest tick lists them', count(*)) from given_up;
select format('%s alerts are told at %s if they still fire by then', count(*), now() + (select settle from asked)) from untold;
commit;
