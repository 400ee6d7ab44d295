//! The heartbeats of our own functions are told straight to people, and to nobody else.

use serde_json::{Value, json};

use crate::world::{LEDGER, World, evaluate};

async fn ran(world: &World, at: &str, outcome: &str) {
    ran_as(world, ("healthcheck", json!({})), at, outcome).await;
}

async fn ran_as(world: &World, (function, summary): (&str, Value), at: &str, outcome: &str) {
    let error = if outcome == "failed" { "'Postgres was away'" } else { "null" };
    let sql = format!(
        "insert into watchkeeper.ledger (run_id, function, started_at, finished_at, outcome, summary, error)
         values (gen_random_uuid(), '{function}', '2026-11-22 {at}Z', '2026-11-22 {at}Z', '{outcome}', '{summary}', {error})"
    );
    world.stored(&sql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_nobody_starts_is_missed_though_others_of_its_function_run() {
    let task = |task: &str| ("archiver", json!({ "task": task }));
    let heartbeat = |name: &str, signal: &str| {
        format!(
            "[heartbeat.{name}]\nsignal = {{ ledger = 'archiver'{signal} }}\nevery = '1h'\ngrace = '10m'\nsummary = 'x'\n"
        )
    };
    let watched =
        heartbeat("moves", ", task = 'archive'") + &heartbeat("deletes", ", task = 'prune'") + &heartbeat("any", "");
    let world = World::new().await;
    let deadman = world.watching(&watched).await;
    ran_as(&world, task("archive"), "00:00", "ok").await;
    ran_as(&world, task("prune"), "00:00", "ok").await;
    evaluate(&deadman, "00:01").await;
    ran_as(&world, task("prune"), "01:00", "ok").await;
    let later = evaluate(&deadman, "01:15").await;
    assert_eq!(later["did"]["told"], json!(1), "{later}");
    let told = world.told_self().await;
    assert_eq!(told[0]["Subject"], "[local] Watchkeeper: moves is missing");

    // A failure is that of its own task, too.
    ran_as(&world, task("archive"), "01:20", "ok").await;
    ran_as(&world, task("archive"), "01:30", "failed").await;
    evaluate(&deadman, "01:31").await;
    let statuses = "select name || ' ' || status from watchkeeper.heartbeats order by name";
    assert_eq!(world.stored(statuses).await, ["any down", "deletes up", "moves down"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_writes_no_ledger_is_told_to_self_and_never_raised() {
    let world = World::new().await;
    let deadman = world.watching(LEDGER).await;
    ran(&world, "00:00", "ok").await;
    evaluate(&deadman, "00:01").await;
    let down = evaluate(&deadman, "01:15").await;
    assert_eq!((&down["did"]["told"], down["did"]["raised"].as_u64().unwrap_or(0)), (&json!(1), 0));
    let told = world.told_self().await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["Subject"], "[local] Watchkeeper: checks is missing");
    assert!(told[0]["Message"].as_str().is_some_and(|said| said.contains("checks is silent: last success at 00:00Z")));
    assert!(world.raised().await.is_empty());
    assert_eq!(evaluate(&deadman, "01:16").await["did"]["told"], json!(null), "once");

    ran(&world, "01:20", "partial").await;
    evaluate(&deadman, "02:20").await;
    let told = world.told_self().await;
    assert_eq!(told[0]["Subject"], "[local] Watchkeeper: checks is back");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_self_could_not_be_told_is_told_by_the_next_evaluation() {
    let world = World::new().await;
    let nobody =
        world.start(&crate::world::watch_file(LEDGER), &[("SELF_TOPIC_ARN", "arn:aws:sns:eu-central-1:1:gone")]).await;
    evaluate(&nobody, "00:00").await;
    let failed = evaluate(&nobody, "01:10").await;
    assert_eq!(failed["outcome"], "partial");
    assert_eq!(failed["failed"][0]["name"], "self: checks");
    let deadman = world.watching(LEDGER).await;
    evaluate(&deadman, "01:11").await;
    assert_eq!(world.told_self().await.len(), 1);
}
