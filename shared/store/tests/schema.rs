//! The schema and every statement against it, on a real Postgres.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;

use store::{Connection, Error, migrations, statements};
use testkit::postgres::Postgres;

async fn database(name: &str) -> Connection {
    let url = Postgres::shared().create_database(name).expect("a database").into();
    Connection::open(&url, None).await.expect("a connection")
}

async fn column(connection: &Connection, sql: &str) -> Vec<String> {
    let rows = connection.client.query_typed(sql, &[]).await.expect(sql);
    rows.iter().map(|row| row.get::<_, String>(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_is_prepared_and_explained_against_the_migrated_schema() {
    let connection = database("statements").await;
    migrations::migrate(&connection.client, None).await.expect("migrated");
    let all = statements::all();
    let names: BTreeSet<&str> = all.iter().map(|statement| statement.name).collect();
    assert_eq!(names.len(), all.len(), "a name tells statements apart");
    for statement in all {
        // A generic plan needs no values; preparing checks syntax, tables, columns and types.
        let types: Vec<&str> = statement.types.iter().map(tokio_postgres::types::Type::name).collect();
        let list = if types.is_empty() { String::new() } else { format!("({})", types.join(", ")) };
        let nulls = vec!["null"; types.len()].join(", ");
        let arguments = if nulls.is_empty() { nulls } else { format!("({nulls})") };
        let steps = [
            "set plan_cache_mode = force_generic_plan".to_owned(),
            format!("prepare one{list} as {}", statement.sql),
            format!("explain execute one{arguments}"),
            "deallocate one".to_owned(),
        ];
        for step in steps {
            let done = connection.client.batch_execute(&step).await;
            done.unwrap_or_else(|error| panic!("{}: {error:?}\n{step}", statement.name));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn leasing_reads_unfinished_deliveries_only() {
    let connection = database("plans").await;
    migrations::migrate(&connection.client, None).await.expect("migrated");
    let history = "
        insert into watchkeeper.alerts (alert_id, fingerprint, kind, subject, environment, severity, notified_severity,
            labels, status, opened_at, last_signal_at, resolved_at, close_reason, signal_count)
        select gen_random_uuid(), n::text, 'k', 's', 'prod', 'LOW', 'LOW', '{}', 'resolved', now(), now(), now(),
            'recovered', 1
        from generate_series(1, 20000) as n;
        insert into watchkeeper.deliveries (alert_id, fingerprint, receiver, integration, notice, sequence, dedup_key,
            status, notification, created_at)
        select alert_id, fingerprint, 'r', 'webhook', 'firing', 0, fingerprint, 'sent', '{}', now()
        from watchkeeper.alerts;
        analyze watchkeeper.deliveries;";
    connection.client.batch_execute(history).await.expect("history");
    let lease = statements::all().into_iter().find(|one| one.name == "leasing deliveries").expect("it exists");
    let explain = format!(
        "prepare lease (timestamptz, timestamptz, bigint, bigint, text[], float8[], float8[], boolean[], text[]) as {};
         set plan_cache_mode = force_generic_plan",
        lease.sql
    );
    connection.client.batch_execute(&explain).await.expect("prepared");
    let plan = connection
        .client
        .simple_query("explain execute lease (now(), now(), 16, 8, '{r}', '{1}', '{1}', '{t}', '{}')")
        .await
        .expect("a plan");
    let plan = format!("{plan:?}");
    assert!(plan.contains("deliveries_unfinished"), "{plan}");
    assert!(!plan.contains("Seq Scan on deliveries "), "a year of sent deliveries must cost nothing: {plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_of_built_in_types_and_instants_have_a_zone() {
    let connection = database("types").await;
    migrations::migrate(&connection.client, None).await.expect("migrated");
    let odd = "select table_name || '.' || column_name || ' ' || udt_name
               from information_schema.columns
               where table_schema = 'watchkeeper' and (udt_schema <> 'pg_catalog' or udt_name = 'timestamp')";
    assert_eq!(column(&connection, odd).await, Vec::<String>::new());
}

#[test]
fn every_migration_file_is_in_the_release_once_and_in_order() {
    let folder = testkit::binaries::workspace().join("migrations");
    let entries = std::fs::read_dir(folder).expect("the folder");
    let mut files: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    files.sort();
    let listed: Vec<String> =
        migrations::ALL.iter().map(|one| format!("V{:04}__{}.sql", one.version, one.name)).collect();
    assert_eq!(files, listed);
    let versions: Vec<i32> = migrations::ALL.iter().map(|one| one.version).collect();
    assert_eq!(versions, (1..=migrations::NEEDED).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_migrators_at_once_apply_each_migration_once() {
    let url: secrecy::SecretString = Postgres::shared().create_database("eight").expect("a database").into();
    let one = || async {
        let connection = Connection::open(&url, None).await.expect("a connection");
        migrations::migrate(&connection.client, None).await.expect("migrated").applied
    };
    let applied = futures::future::join_all((0..8).map(|_| one())).await;
    let mut all: Vec<i32> = applied.into_iter().flatten().collect();
    all.sort_unstable();
    assert_eq!(all, (1..=migrations::NEEDED).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_was_changed_after_it_was_applied_is_refused() {
    let connection = database("changed").await;
    migrations::migrate(&connection.client, None).await.expect("migrated");
    let tamper = "update watchkeeper.schema_migrations set checksum = 'other' where version = 1";
    connection.client.batch_execute(tamper).await.expect("tampered");
    let error = migrations::migrate(&connection.client, None).await.expect_err("refused");
    assert!(matches!(error, Error::ChangedMigration { version: 1 }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_is_an_old_schema_and_a_newer_one_is_welcome() {
    let connection = database("versions").await;
    let error = migrations::require(&connection.client).await.expect_err("nothing there");
    assert!(matches!(error, Error::OldSchema { found: 0, .. }), "{error}");
    migrations::migrate(&connection.client, None).await.expect("migrated");
    migrations::require(&connection.client).await.expect("new enough");
    let future = "insert into watchkeeper.schema_migrations values (9999, 'of_tomorrow', 'x', now())";
    connection.client.batch_execute(future).await.expect("a newer release was here");
    migrations::require(&connection.client).await.expect("expand, migrate, contract: newer is fine");
    assert!(migrations::migrate(&connection.client, None).await.expect("nothing to do").applied.is_empty());
}
