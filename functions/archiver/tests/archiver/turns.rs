//! Two archivers at once, an invocation whose time runs out, our own tables, another clock: each row is moved once.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::bucket::{Behaviour, Operation};

use crate::world::{AUDIT_LOGS, NOW, World, answer, audit_policy, dated};

fn rows(answer: &Value) -> u64 {
    answer["did"]["rows"].as_u64().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_archivers_at_once_take_turns() {
    let world = World::new(AUDIT_LOGS).await;
    world.log(400, 60).await;
    let policy = audit_policy("batch_rows = 50");
    let (one, other) = (world.start(&policy, &[]).await, world.start(&policy, &[]).await);
    let both = [answer(&one, json!({"task": "archive"})), answer(&other, json!({"task": "archive"}))];
    let both = futures::future::join_all(both).await;
    assert_eq!(rows(&both[0]) + rows(&both[1]), 400, "{both:#?}");
    assert!(both.iter().all(|answer| answer["failed"] == json!([])), "{both:#?}");
    assert_eq!(world.objects().len(), 8);
    assert_eq!(world.stored("select sum(rows) from watchkeeper.archive_batches").await, ["400"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_whose_time_runs_out_names_what_is_left_and_the_next_goes_on() {
    let world = World::new(AUDIT_LOGS).await;
    world.log(400, 60).await;
    let policy = audit_policy("batch_rows = 50");
    world.s3.behave(Operation::UploadPart, Behaviour::late(Duration::from_millis(700)));
    let hurried = world.start_within(&policy, &[], Duration::from_secs(5)).await;
    let first = answer(&hurried, json!({"task": "archive"})).await;
    assert!((1..400).contains(&rows(&first)), "{first:#}");
    assert_eq!((&first["outcome"], &first["remaining"]), (&json!("partial"), &json!(["audit-logs"])), "{first:#}");
    assert_eq!(world.raised().await, Vec::<String>::new());
    world.s3.behave_normally();
    let second = world.ask(&policy, json!({"task": "archive"})).await;
    assert_eq!(rows(&first) + rows(&second), 400, "{second:#}");
    let hot = world.value("select count(*) from audit_logs").await;
    assert_eq!(hot, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_tables_grow_old_too() {
    let world = World::new("select 1").await;
    let ledger = format!(
        "insert into watchkeeper.ledger (run_id, function, started_at, finished_at, outcome, summary)
         select gen_random_uuid(), 'healthcheck', at, at, 'ok', '{{}}'
         from generate_series(timestamptz '{NOW}' - interval '100 days', '{NOW}', interval '1 day') as at"
    );
    world.store.client.batch_execute(&ledger).await.expect("a ledger");
    let policies =
        "[retention.ledger]\ndatabase = 'watchkeeper'\ntable = 'ledger'\nkeep = '90d'\narchive = 'watchkeeper/'\n";
    let answer = world.ask(policies, json!({"task": "archive"})).await;
    assert_eq!(rows(&answer), 10, "{answer:#}");
    assert!(world.objects()[0].starts_with("watchkeeper/watchkeeper.ledger/"), "{:?}", world.objects());
    let left = world.stored("select count(*) from watchkeeper.ledger where function = 'healthcheck'").await;
    assert_eq!(left, ["91"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_future_clock_moves_nothing_where_it_is_not_local() {
    let world = World::new(AUDIT_LOGS).await;
    world.run("insert into audit_logs values (gen_random_uuid(), 'a', 'b', '{}', null, 1, now())").await;
    world.put_for("dev").await;
    let sandbox = world.start(&audit_policy(""), &[("ENVIRONMENT", "dev")]).await;
    let answer = answer(&sandbox, json!({"task": "archive", "now": "2036-01-01T00:00:00Z"})).await;
    assert_eq!((&answer["dry_run"], rows(&answer)), (&json!(true), 0), "{answer:#}");
    assert_eq!(world.value("select count(*) from audit_logs").await, "1");
    assert!(world.archive().keys().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_written_in_the_class_that_can_be_read_back_at_once() {
    for (class, written) in [("GLACIER_IR", "GLACIER_IR"), ("GLACIER", "STANDARD")] {
        let world = World::new(AUDIT_LOGS).await;
        world.log(10, 60).await;
        let sandbox = world.start(&audit_policy(""), &[("ARCHIVE_STORAGE_CLASS", class)]).await;
        sandbox.invoke(&dated(json!({"task": "archive"}))).await.expect("a process").answered().expect("an answer");
        let object = world.s3.written().into_iter().find(|object| object.key.ends_with(".parquet")).expect("an object");
        assert_eq!((object.storage_class(), object.if_none_match()), (written, Some("*")), "{class}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_planned_before_keep_was_raised_is_let_go() {
    let world = World::new(AUDIT_LOGS).await;
    world.log(30, 60).await;
    world.kill_at("planning a batch", &audit_policy(""), 30).await;
    let longer = audit_policy("").replace("'2y'", "'7y'");
    let answer = world.ask(&longer, json!({"task": "archive"})).await;
    assert_eq!((rows(&answer), &answer["outcome"]), (0, &json!("ok")), "{answer:#}");
    assert_eq!(world.value("select count(*) from audit_logs").await, "30");
    assert_eq!(world.stored("select count(*) from watchkeeper.archive_batches").await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_held_after_it_was_archived_stays_and_its_copy_is_void() {
    let world = World::new(&format!("{AUDIT_LOGS} create table holds (log uuid)")).await;
    world.log(30, 60).await;
    let policy = audit_policy("only = 'not exists (select from holds where log = id)'");
    let traced = audit_policy("");
    world.kill_at("noting a verification", &traced, 30).await;
    world.run("insert into holds select id from audit_logs order by id limit 2").await;
    let answer = world.ask(&policy, json!({"task": "archive"})).await;
    assert_eq!(rows(&answer), 28, "{answer:#}");
    assert_eq!(world.value("select count(*) from audit_logs join holds on log = id").await, "2");
    let restore = json!({"task": "restore", "policy": "audit-logs", "into": "restored"});
    assert_eq!(world.ask(&policy, restore).await["rows"], json!(28));
}

#[tokio::test(flavor = "multi_thread")]
async fn how_old_the_rows_are_of_a_policy_that_is_never_reached_is_known_all_the_same() {
    let world = World::new(AUDIT_LOGS).await;
    world.log(400, 60).await;
    world.run("create table other_logs (like audit_logs including all)").await;
    world.run("insert into other_logs select * from audit_logs limit 5").await;
    let other =
        audit_policy("").replace("retention.audit-logs", "retention.other").replace("'audit_logs'", "'other_logs'");
    let policies = format!("{}{}", audit_policy("batch_rows = 50"), other.replace("'audit/'", "'other/'"));
    world.s3.behave(Operation::UploadPart, Behaviour::late(Duration::from_millis(700)));
    let hurried = world.start_within(&policies, &[], Duration::from_secs(5)).await;
    let answer = answer(&hurried, json!({"task": "archive"})).await;
    assert_eq!(answer["remaining"], json!(["audit-logs", "other"]), "{answer:#}");
    assert!(answer["policies"]["other"]["oldest_unarchived"].is_string(), "{answer:#}");
}
