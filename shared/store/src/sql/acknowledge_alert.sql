-- Compare and set: whoever comes second is told who was first. The lock waits for a decision that is about to end the alert.
with found as (
    select alert_id, status, resolved_at, acknowledged_at, acknowledged_by, acknowledged_until
    from watchkeeper.alerts
    where alert_id = $1
    for update
),
changed as (
    update watchkeeper.alerts as alert
    set acknowledged_at = $2, acknowledged_by = $3, acknowledged_until = $4
    from found
    where alert.alert_id = found.alert_id
      and found.status = 'firing'
      and (found.acknowledged_by is null
           or found.acknowledged_until <= $2
           -- The same person may move the end.
           or ($6 and found.acknowledged_by = $3 and found.acknowledged_until is distinct from $4))
    returning alert.alert_id
),
noted as (
    insert into watchkeeper.acknowledgements (alert_id, at, by, until, note)
    select alert_id, $2, $3, $4, $5
    from changed
)
select exists (select from changed) as won, resolved_at, acknowledged_at, acknowledged_by, acknowledged_until
from found
