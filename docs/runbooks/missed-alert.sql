-- A customer says that a notification is missing: what became of a watchpoint's last ones.
--
--   psql "$DATABASE_URL" --set watchpoint_id=… --file docs/runbooks/missed-alert.sql
\set ON_ERROR_STOP on
\if :{?watchpoint_id}
\else
    do $$ begin raise exception 'expected --set watchpoint_id=…: the id of a row of watchpoints'; end $$;
\endif
-- As a literal: nothing of what is handed over is read as SQL.
\set watchpoint_id :'watchpoint_id'

SELECT 
    wp.status,
    wes.last_evaluated_at,
    wes.previous_trigger_state,
    n.created_at AS notification_time,
    n.event_type,
    nd.status AS delivery_status,
    nd.failure_reason
FROM watchpoints wp
LEFT JOIN watchpoint_evaluation_state wes ON wp.id = wes.watchpoint_id
LEFT JOIN notifications n ON wp.id = n.watchpoint_id
LEFT JOIN notification_deliveries nd ON n.id = nd.notification_id
WHERE wp.id = :watchpoint_id
ORDER BY n.created_at DESC LIMIT 5;
