//! Which rows a policy may move, and what is refused with its reasons.

use serde_json::{Value, json};

use crate::world::{AUDIT_LOGS, FORECASTS, World, audit_policy};

fn told(answer: &Value) -> String {
    answer["failed"][0]["error"].as_str().unwrap_or_else(|| panic!("nothing failed: {answer:#}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_a_policy_does_not_fit_is_refused_with_every_reason() {
    for (schema, said) in [
        ("select 1", "there is no table audit_logs in the database pipeline"),
        ("create table audit_logs (id uuid primary key, at timestamptz)", "has no column created_at; it has id, at"),
        ("create table audit_logs (id uuid primary key, created_at text)", "expected timestamptz, timestamp or date"),
        ("create table audit_logs (id uuid, created_at timestamptz)", "nothing makes (id) unique"),
        (
            "create table audit_logs (id uuid primary key, created_at timestamptz);
             create table notes (log uuid references audit_logs on delete cascade)",
            "deleting a row of public.audit_logs deletes rows of notes",
        ),
        (
            "create table audit_logs (id uuid primary key, created_at timestamptz);
             create table special_logs (extra text) inherits (audit_logs)",
            "tables inherit from public.audit_logs",
        ),
        (
            "create table audit_logs (id uuid, created_at timestamptz, primary key (id, created_at))
               partition by range (created_at);
             create table old_logs partition of audit_logs for values from ('2020-01-01') to ('2030-01-01');
             alter table old_logs add unique (id);
             create table notes (log uuid references old_logs (id) on delete cascade)",
            "deletes rows of notes",
        ),
        ("create view audit_logs as select gen_random_uuid() as id, now() as created_at", "is no table of its own"),
    ] {
        let world = World::new(schema).await;
        let answer = world.ask(&audit_policy(""), json!({"task": "archive"})).await;
        assert!(told(&answer).contains(said), "{said}: {}", told(&answer));
        assert_eq!(world.raised().await, ["archive-failed firing audit-logs"], "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_too_large_stays_and_is_told_by_its_key() {
    let world = World::new(AUDIT_LOGS).await;
    world.log(50, 60).await;
    world
        .run(
            "update audit_logs set metadata = jsonb_build_object('x', repeat('y', 100000))
             where id = (select id from audit_logs order by created_at limit 1)",
        )
        .await;
    let large = world.value("select id from audit_logs order by created_at limit 1").await;
    for _ in 0..2 {
        let answer = world.ask(&audit_policy("max_row_bytes = 50000"), json!({"task": "archive"})).await;
        let skipped = answer["skipped"].to_string();
        assert!(skipped.contains(&large) && skipped.contains("more than 50000"), "{answer:#}");
        assert_eq!(world.rows("select id from audit_logs").await, std::slice::from_ref(&large));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_come_go_or_change_between_batches_are_carried_as_they_are_then() {
    let world = World::new(AUDIT_LOGS).await;
    world.log(40, 60).await;
    world.ask(&audit_policy(""), json!({"task": "archive"})).await;
    world
        .run(
            "alter table audit_logs add column reason text default 'because', drop column ip,
             alter column amount type text",
        )
        .await;
    world
        .run(
            "insert into audit_logs (id, action, metadata, amount, created_at, reason)
             values (gen_random_uuid(), 'x', '{}', 'much', '2024-09-20', 'why not')",
        )
        .await;
    let answer = world.ask(&audit_policy(""), json!({"task": "archive"})).await;
    assert_eq!(answer["did"]["rows"], json!(1), "{answer:#}");
    let types = "select string_agg(c->>'name' || ' ' || (c->>'type'), ', ')
                 from (select jsonb_array_elements(columns) as c, batch_id from watchkeeper.archive_batches) as all_columns
                 group by batch_id order by batch_id";
    let types = world.stored(types).await;
    assert!(types[0].contains("ip inet") && types[0].contains("amount numeric(12,2)"), "{types:?}");
    assert!(types[1].contains("reason text") && types[1].contains("amount text"), "{types:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_without_an_archive_deletes_and_one_with_objects_deletes_those_first() {
    let world = World::new(
        "create table runs (run_id int primary key, finished_at timestamptz, storage_path text);
         insert into runs select n, timestamptz '2026-11-01' + n * interval '1 day', 's3://forecasts/nowcast/run-' || n
         from generate_series(0, 20) as n;
         -- Runs that are kept name what old ones name, too, as they spell it.
         update runs set storage_path = '/nowcast/run-4/' where run_id = 19;
         update runs set storage_path = 'nowcast/run-5/part-0' where run_id = 18;
         update runs set storage_path = 's3://forecasts/nowcast/run-3' where run_id = 20;",
    )
    .await;
    let stored = world.s3.bucket(FORECASTS);
    for n in 0..=20 {
        stored.replace(&format!("nowcast/run-{n}/part-0"), b"x".to_vec());
    }
    stored.replace("nowcast/run-11x/part-0", b"x".to_vec());
    let policy = "[retention.runs]\ndatabase = 'pipeline'\ntable = 'runs'\ntime = 'finished_at'\nkey = ['run_id']\nkeep = '7d'\n\
                  objects = { bucket = 'forecasts', prefix = 'nowcast/', column = 'storage_path' }\n";
    let dry = world.ask(policy, json!({"task": "prune", "dry_run": true})).await;
    assert_eq!((&dry["did"]["rows"], stored.keys().len()), (&json!(0), 22), "{dry:#}");
    let answer = world.ask(policy, json!({"task": "prune"})).await;
    assert_eq!(answer["did"]["rows"], json!(15), "{answer:#}");
    assert_eq!(
        world.value("select string_agg(run_id::text, ' ' order by run_id) from runs").await,
        "15 16 17 18 19 20"
    );
    let left = stored.keys();
    for n in [3, 4, 5] {
        assert!(left.contains(&format!("nowcast/run-{n}/part-0")), "another row names it: {left:?}");
    }
    assert!(left.contains(&"nowcast/run-11x/part-0".to_owned()), "no row names it: {left:?}");
    assert_eq!(left.len(), 10, "{left:?}");
    assert!(world.objects().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_outside_the_prefix_is_never_deleted_and_its_row_stays() {
    let world = World::new(
        "create table runs (run_id int primary key, finished_at timestamptz, storage_path text);
         insert into runs values (1, '2026-01-01', 'archive/../../everything'), (2, '2026-01-02', 's3://other/nowcast/x')",
    )
    .await;
    let policy = "[retention.runs]\ndatabase = 'pipeline'\ntable = 'runs'\ntime = 'finished_at'\nkey = ['run_id']\nkeep = '7d'\n\
                  objects = { bucket = 'forecasts', prefix = 'nowcast/', column = 'storage_path' }\n";
    let answer = world.ask(policy, json!({"task": "prune"})).await;
    assert!(told(&answer).contains("expected something below nowcast/"), "{answer:#}");
    assert_eq!(world.value("select count(*) from runs").await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_what_would_be_moved_and_how_athena_reads_it() {
    let world = World::new(AUDIT_LOGS).await;
    world.log(100, 60).await;
    let answer = world.ask(&audit_policy(""), json!({"task": "plan"})).await;
    let plan = &answer["policies"]["audit-logs"];
    assert_eq!(plan["rows"], json!(100), "{answer:#}");
    assert!(plan["bytes"].as_u64().is_some_and(|bytes| bytes > 10_000), "{answer:#}");
    let ddl = plan["athena"].as_str().expect("a statement");
    assert!(
        ddl.contains("location 's3://archive/audit/audit_logs/'") && ddl.contains("`created_at` timestamp"),
        "{ddl}"
    );
    assert_eq!(world.value("select count(*) from audit_logs").await, "100");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_nobody_wrote_and_a_task_that_is_not_the_policys_are_refused() {
    let world = World::new(AUDIT_LOGS).await;
    for (payload, said) in [
        (json!({"task": "archive", "policy": "audit-log"}), "there is no [retention.audit-log]; there are audit-logs"),
        (json!({"task": "prune", "policy": "audit-logs"}), "audit-logs has an `archive`; its task is archive"),
        (json!({"task": "archive_watchpoints"}), "hard_delete"),
        (json!({"task": "restore", "policy": "audit-logs", "into": "audit_logs"}), "is the policy's own table"),
    ] {
        let (kind, message) = world.refused(&audit_policy(""), payload).await;
        assert!(kind == "BadPayload" && message.contains(said), "{kind}: {message}");
    }
    // Whoever misses the nightly runs is not to be told of somebody's slip.
    let failed =
        world.stored("select outcome || ': ' || error from watchkeeper.ledger where function = 'archiver'").await;
    assert_eq!(failed, Vec::<String>::new());
}
