//! What becomes of old rows: into objects, by batches, and out of the table only then.

use serde_json::json;

use crate::world::{AUDIT_LOGS, World, audit_policy};

#[tokio::test(flavor = "multi_thread")]
async fn old_rows_leave_the_table_and_come_back_exactly_as_they_were() {
    let world = World::new(AUDIT_LOGS).await;
    world.log(4_000, 60).await;
    world.run("create table before as select * from audit_logs").await;
    let old = "created_at < '2024-11-22T12:00:00Z'";
    let expected: u64 =
        world.value(&format!("select count(*) from before where {old}")).await.parse().expect("a number");
    assert!(expected > 1_500, "{expected}");

    let answer = world.ask(&audit_policy("batch_rows = 1000"), json!({"task": "archive"})).await;
    assert_eq!(answer["did"]["rows"], json!(expected), "{answer:#}");
    assert_eq!(answer["outcome"], "ok", "{answer:#}");
    let seconds = &answer["policies"]["audit-logs"]["seconds"];
    for step in ["plan", "export", "upload", "verify", "delete"] {
        assert!(seconds[step].as_f64().is_some_and(|took| took > 0.0), "{step}: {answer:#}");
    }
    assert_eq!(world.value(&format!("select count(*) from audit_logs where {old}")).await, "0");
    assert_eq!(world.value("select count(*) from audit_logs").await, (4_000 - expected).to_string());
    let statuses = world.stored("select distinct status from watchkeeper.archive_batches").await;
    assert_eq!(statuses, ["deleted"]);
    assert_eq!(world.objects().len(), answer["did"]["batches"].as_u64().expect("batches") as usize);
    assert!(world.objects()[0].starts_with("audit/audit_logs/year=2024/month=09/"), "{:?}", world.objects());

    let ran = "select function || ' ' || (summary ->> 'task') || ' ' || outcome from watchkeeper.ledger";
    assert_eq!(world.stored(ran).await, ["archiver archive ok"], "what watches one task sees its runs alone");

    // A second run finds nothing to do.
    let again = world.ask(&audit_policy(""), json!({"task": "archive"})).await;
    assert_eq!((&again["did"]["rows"], &again["outcome"]), (&json!(0), &json!("ok")), "{again:#}");

    let restored = world
        .ask(&audit_policy(""), json!({"task": "restore", "policy": "audit-logs", "into": "audit_logs_restored"}))
        .await;
    assert_eq!(restored["rows"], json!(expected), "{restored:#}");
    let differ = "select count(*) from (
        (select r::text from audit_logs_restored r except select b::text from before b)
        union all
        (select b::text from before b where created_at < '2024-11-22T12:00:00Z'
         except select r::text from audit_logs_restored r)) as d";
    assert_eq!(world.value(differ).await, "0");
    // Restored twice, no row is there twice.
    let twice = world
        .ask(&audit_policy(""), json!({"task": "restore", "policy": "audit-logs", "into": "audit_logs_restored"}))
        .await;
    assert_eq!(twice["rows"], json!(0), "{twice:#}");
}
