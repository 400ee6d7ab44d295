//! What retention knows of our own tables, against the migrated schema: their keys, and which old rows are still needed.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use domain::retention::{OWN_TABLES, OwnTable};
use store::{Connection, migrations};
use testkit::postgres::Postgres;

async fn database(name: &str) -> Connection {
    let url = Postgres::shared().create_database(name).expect("a database").into();
    let connection = Connection::open(&url, None).await.expect("a connection");
    migrations::migrate(&connection.client, None).await.expect("migrated");
    connection
}

async fn texts(connection: &Connection, sql: &str) -> Vec<String> {
    let rows = connection.client.query_typed(sql, &[]).await.expect(sql);
    rows.iter().map(|row| row.get::<_, String>(0)).collect()
}

fn own(name: &str) -> &'static OwnTable {
    OWN_TABLES.iter().find(|own| own.name == name).expect("ours")
}

/// What of a table may go; `what` is an expression that tells its rows apart.
async fn may_go(connection: &Connection, table: &str, what: &str) -> Vec<String> {
    let done = own(table).done;
    texts(connection, &format!("select {what} from watchkeeper.{table} as whatever where ({done}) order by 1")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_known_by_its_primary_key_and_a_time_that_is_always_there() {
    let connection = database("own_tables").await;
    for own in OWN_TABLES {
        let table = format!("'watchkeeper.{}'::regclass", own.name);
        let key = texts(
            &connection,
            &format!(
                "select attname::text from pg_index join pg_attribute on attrelid = indrelid and attnum = any(indkey)
                 where indrelid = {table} and indisprimary order by array_position(indkey::int2[], attnum)"
            ),
        )
        .await;
        assert_eq!(key, own.key, "{}", own.name);
        let time = format!(
            "select atttypid::regtype || ' ' || attnotnull from pg_attribute where attrelid = {table} and attname = '{}'",
            own.time
        );
        assert_eq!(texts(&connection, &time).await, ["timestamp with time zone true"], "{}", own.name);
        let referenced = format!("select conname::text from pg_constraint where contype = 'f' and confrelid = {table}");
        assert_eq!(
            texts(&connection, &referenced).await,
            Vec::<String>::new(),
            "no row of {} is kept by another",
            own.name
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_and_attempts_stay_while_something_depends_on_them() {
    let connection = database("own_signals").await;
    let story = "
        insert into watchkeeper.alerts (alert_id, fingerprint, kind, subject, environment, severity, labels, status,
            opened_at, last_signal_at, resolved_at, close_reason, signal_count)
        select ('00000000-0000-0000-0000-00000000000' || n)::uuid, n::text, 'k', 's', 'prod', 'LOW', '{}',
               case n when 1 then 'firing' else 'resolved' end, now(), now(),
               case n when 2 then now() end, case n when 2 then 'recovered' end, 1
        from generate_series(1, 2) as n;
        insert into watchkeeper.signals (signal_id, idempotency_key, received_at, occurred_at, source, kind, subject,
            environment, status, severity, fingerprint, labels, summary, body, alert_id, decision, reason, digest_id)
        select gen_random_uuid(), name, now() - age, now(), 's', 'k', name, 'prod', 'firing', 'LOW', name, '{}', '', '',
               alert::uuid, decision, case decision when 'suppressed' then 'silenced' end, digest::uuid
        from (values
            ('undecided', interval '40 days', null, null, null),
            ('of no alert', '40 days', null, 'updated', null),
            ('firing', '40 days', '00000000-0000-0000-0000-000000000001', 'opened', null),
            ('resolved', '40 days', '00000000-0000-0000-0000-000000000002', 'resolved', null),
            ('in no digest', '40 days', null, 'suppressed', null),
            ('in a digest', '40 days', null, 'suppressed', '00000000-0000-0000-0000-000000000009'),
            ('digests are off', '91 days', null, 'suppressed', null),
            ('bars a worker', '40 days', null, 'updated', null),
            ('barred a worker', '40 days', null, 'updated', null)) as new (name, age, alert, decision, digest);
        insert into watchkeeper.quarantines (worker_id, environment, barred_at, reason, signal_id, alert_id, released_at,
            released_by, release_reason)
        select subject, 'prod', now(), 'r', signal_id, gen_random_uuid(),
               case subject when 'barred a worker' then now() end, case subject when 'barred a worker' then 'me' end,
               case subject when 'barred a worker' then 'r' end
        from watchkeeper.signals
        where subject like 'bar%';
        insert into watchkeeper.deliveries (fingerprint, receiver, integration, notice, sequence, dedup_key, status,
            notification, created_at, lease_until, lease_token, held_because)
        select status, status, 'webhook', 'firing', 0, status, status, '{}', now(),
               case status when 'sending' then now() end, case status when 'sending' then gen_random_uuid() end,
               case status when 'held' then 'switched-off' end
        from unnest(array['pending', 'sending', 'sent', 'failed', 'held', 'cancelled']) as status;
        insert into watchkeeper.delivery_attempts (delivery_id, attempted_at, outcome, provider_id)
        select delivery_id, now(), 'ambiguous', status from watchkeeper.deliveries;
        insert into watchkeeper.signal_outbox (id, body, sent_at) values ('sent', '', now()), ('unsent', '', null);";
    connection.client.batch_execute(story).await.expect("a story");
    let gone = ["barred a worker", "digests are off", "in a digest", "of no alert", "resolved"];
    assert_eq!(may_go(&connection, "signals", "subject").await, gone);
    assert_eq!(may_go(&connection, "delivery_attempts", "provider_id").await, ["cancelled", "failed", "sent"]);
    assert_eq!(may_go(&connection, "signal_outbox", "id").await, ["sent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_heartbeats_count_from_and_the_newest_of_each_source_stay() {
    let connection = database("own_runs").await;
    let story = "
        insert into watchkeeper.ledger (run_id, function, started_at, finished_at, outcome, summary, error)
        select gen_random_uuid(), function, now() - age, now() - age, outcome, jsonb_build_object('is', name, 'task', task),
               case outcome when 'failed' then 'e' end
        from (values
            ('early', 'archiver', interval '120 days', 'ok', 'prune'), ('last success', 'archiver', '100 days', 'partial', 'prune'),
            ('failed since', 'archiver', '95 days', 'failed', 'prune'), ('only one', 'migrator', '300 days', 'ok', null),
            ('of another task', 'archiver', '200 days', 'ok', 'archive'), ('never worked', 'api', '300 days', 'failed', null)
        ) as new (name, function, age, outcome, task);
        insert into watchkeeper.forecast_runs (source, run_timestamp, storage_path, status, announced_at)
        select source, now() - age, name, status, case when announced then now() end
        from (values
            ('old', 'gfs', interval '120 days', 'complete', true), ('newest', 'gfs', '100 days', 'complete', true),
            ('failed', 'gfs', '99 days', 'failed', true), ('unannounced', 'gfs', '110 days', 'failed', false),
            ('open', 'gfs', '111 days', 'running', false), ('deleted', 'gfs', '112 days', 'deleted', false),
            ('of another', 'nowcast', '200 days', 'complete', true)) as new (name, source, age, status, announced);
        insert into watchkeeper.heartbeat_slots (name, slot_at, status, settled)
        values ('done', now(), 'done', true), ('missing', now(), 'missing', false);
        insert into watchkeeper.heartbeat_transitions (name, from_status, to_status, reason, at, notice, told_at)
        values ('raised', 'up', 'down', '', now(), null, null), ('told', 'up', 'down', '', now(), '{}', now()),
               ('untold', 'up', 'down', '', now(), '{}', null);";
    connection.client.batch_execute(story).await.expect("a story");
    assert_eq!(may_go(&connection, "ledger", "summary ->> 'is'").await, ["early", "failed since", "never worked"]);
    assert_eq!(may_go(&connection, "forecast_runs", "storage_path").await, ["deleted", "failed", "old"]);
    assert_eq!(may_go(&connection, "heartbeat_slots", "name").await, ["done"]);
    assert_eq!(may_go(&connection, "heartbeat_transitions", "name").await, ["raised", "told"]);
}
