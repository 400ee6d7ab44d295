-- Open alerts about which something may be due without a signal. What is really due is decided over them, under their
-- locks; here a doubt costs a look.
with open_alerts as (
    select
        alert.*,
        event_key is null or exists (
            select from watchkeeper.alert_sources as source
            where source.fingerprint = alert.fingerprint and source.status = 'firing') as fires
    from watchkeeper.alerts as alert
    where status = 'firing'
),
-- A mute is over at its time, or with what mutes.
unmuted as (
    select fingerprint, severity
    from open_alerts as alert
    where muted_reason is not null
      and fires
      and (muted_until <= $1
           -- Its cause may have become another one, and the rules others.
           or muted_reason = 'inhibited'
           or (muted_reason = 'grouped' and not exists (
                   select from watchkeeper.alerts as leader
                   where leader.alert_id::text = alert.muted_by
                     and leader.status = 'firing'
                     and leader.group_key is not null
                     and leader.muted_reason is null))
           or (muted_reason = 'silenced' and not exists (
                   select from watchkeeper.silences as silence
                   where silence.silence_id::text = alert.muted_by
                     and silence.ended_at is null
                     and silence.until_at > $1)))
),
-- What is about to be released may be muted by now.
held as (
    select alert.fingerprint, alert.severity
    from open_alerts as alert
    where muted_reason is null
      and exists (
          select from watchkeeper.deliveries as delivery
          where delivery.alert_id = alert.alert_id and delivery.status = 'held' and delivery.held_until <= $1)
),
told as (
    select alert.*, notices.first_at, notices.last_at, notices.left_to_provider, notices.escalated
    from open_alerts as alert
    cross join lateral (
        select
            min(coalesce(released_at, created_at))                                as first_at,
            max(coalesce(released_at, created_at))                                as last_at,
            coalesce(bool_or(status = 'sent' and integration = any($5)), false)   as left_to_provider,
            coalesce(bool_and(integration = any($5)), true)                       as all_left_to_provider,
            coalesce(bool_or(notice = 'escalation'), false)                       as escalated
        from watchkeeper.deliveries
        where deliveries.alert_id = alert.alert_id
          and notice in ('firing', 'severity', 'reminder', 'flapping', 'escalation')
          and status in ('pending', 'sending', 'sent')
    ) as notices
    where alert.muted_reason is null
      and alert.notified_severity is not null
      and (alert.acknowledged_at is null or alert.acknowledged_until <= $1)
      and (cardinality($2::text[]) > 0 or $4::float8 is not null or alert.acknowledged_at is not null)
      and notices.first_at is not null
      and not (notices.all_left_to_provider and notices.left_to_provider)
),
neglected as (
    select fingerprint, severity
    from told
    where exists (
              -- Each is of a severity or of a heartbeat that has its own.
              select from unnest($2::text[], $6::text[], $3::float8[]) as remind (severity, heartbeat, every)
              where (remind.severity = told.severity or (told.kind = 'heartbeat' and told.subject = remind.heartbeat))
                and told.last_at + make_interval(secs => every) <= $1)
       or (acknowledged_at is not null and last_at < acknowledged_until)
       or (not left_to_provider and not escalated and first_at + make_interval(secs => $4) <= $1)
)
select fingerprint
from (select * from unmuted union select * from held union select * from neglected) as due
order by array_position(array['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'], severity), fingerprint
