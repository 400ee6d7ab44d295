-- Which of some tries, made while the store was gone, are on record. Only one try at a receiver ends at an instant, but for
-- an end, which closes several keys at once: the severity of its key tells those apart.
select told.n::integer as n
from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::timestamptz[])
    with ordinality as told (fingerprint, receiver, severity, triggers, at, n)
where exists (
    select
    from watchkeeper.alerts as alert
    join watchkeeper.deliveries as delivery using (alert_id)
    join watchkeeper.delivery_attempts as attempt using (delivery_id)
    where alert.fingerprint = told.fingerprint
      and delivery.receiver = told.receiver
      and split_part(delivery.dedup_key, ':', 2) = told.severity
      and (delivery.notice <> 'resolved') = told.triggers
      and attempt.attempted_at = told.at)
