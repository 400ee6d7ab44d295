//! Whatever S3 or Postgres does, rows stay until the archive holds them.

use serde_json::{Value, json};
use testkit::bucket::{Behaviour, Corrupt, Cut, Operation};

use crate::world::{AUDIT_LOGS, World, answer, audit_policy, dated};

const ROWS: u32 = 300;

async fn world() -> World {
    let world = World::new(AUDIT_LOGS).await;
    world.log(ROWS, 60).await;
    world
}

async fn rows(world: &World) -> String {
    world.value("select count(*) from audit_logs").await
}

fn failure(answer: &Value) -> String {
    answer["failed"][0]["error"].as_str().unwrap_or_else(|| panic!("nothing failed: {answer:#}")).to_owned()
}

async fn archive(world: &World) -> Value {
    world.ask(&audit_policy(""), json!({"task": "archive"})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_damaged_before_it_is_verified_costs_no_row_and_is_told_by_its_batch() {
    let world = world().await;
    world.s3.behave(Operation::UploadPart, Behaviour::corrupt(Corrupt::Stored).times(1));
    let told = failure(&archive(&world).await);
    let batch = world.stored("select batch_id from watchkeeper.archive_batches").await.pop().expect("a batch");
    assert!(told.contains(&batch) && told.contains("no row of it was deleted"), "{told}");
    assert_eq!(rows(&world).await, ROWS.to_string());
    assert_eq!(world.raised().await, ["archive-failed firing audit-logs"]);
    assert_eq!(world.queued().await, 1);

    // The next run puts the rows into another object; the damaged one stays to be looked at.
    let healed = archive(&world).await;
    assert_eq!((&healed["did"]["rows"], rows(&world).await.as_str()), (&json!(ROWS), "0"), "{healed:#}");
    assert_eq!(world.raised().await, ["archive-failed firing audit-logs", "archive-failed resolved audit-logs"]);
    let objects = world.objects();
    assert!(objects.len() == 2 && objects[1].contains("-g2"), "{objects:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_replaced_behind_our_back_costs_no_row() {
    let world = world().await;
    let traced = self::world().await;
    archive(&traced).await;
    world.kill_at("noting an upload", &audit_policy(""), ROWS).await;
    let key = world.objects().pop().expect("an object");
    let other = traced.archive().bytes(&traced.objects().pop().expect("an object")).expect("bytes");
    world.archive().replace(&key, other.to_vec());
    let told = failure(&archive(&world).await);
    assert!(told.contains("the record says"), "{told}");
    assert_eq!(rows(&world).await, ROWS.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn while_s3_is_down_rows_stay_and_when_it_is_back_they_go() {
    for (operation, behaviour) in [
        (Operation::CreateMultipartUpload, Behaviour::answer(503)),
        (Operation::UploadPart, Behaviour::answer(500)),
        (Operation::UploadPart, Behaviour::cut(Cut::RequestAt(1_000))),
        (Operation::CompleteMultipartUpload, Behaviour::answer(503)),
        (Operation::GetObject, Behaviour::answer(503)),
        (Operation::GetObject, Behaviour::cut(Cut::AnswerAt(700))),
        (Operation::GetObject, Behaviour::corrupt(Corrupt::Answered)),
    ] {
        let world = world().await;
        world.s3.behave(operation, behaviour);
        let what = format!("{operation:?}");
        let told = failure(&archive(&world).await);
        assert_eq!(rows(&world).await, ROWS.to_string(), "{what}: {told}");
        assert_eq!(world.raised().await, ["archive-failed firing audit-logs"], "{what}: {told}");
        world.s3.behave_normally();
        let healed = archive(&world).await;
        assert_eq!((&healed["outcome"], rows(&world).await.as_str()), (&json!("ok"), "0"), "{what}: {healed:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_after_the_object_stands_makes_no_second_one() {
    let world = world().await;
    world.s3.behave(Operation::CompleteMultipartUpload, Behaviour::cut(Cut::After).times(1));
    let answer = archive(&world).await;
    assert_eq!(rows(&world).await, "0", "{answer:#}");
    assert_eq!(world.objects().len(), 1, "{:?}", world.objects());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_dies_in_the_middle_loses_nothing() {
    let (mut server, world) = World::with_own_pipeline(AUDIT_LOGS).await;
    world.log(ROWS, 60).await;
    let sandbox = world.start(&audit_policy("batch_rows = 100"), &[]).await;
    // It dies while the first object is written.
    world.s3.behave(Operation::UploadPart, Behaviour::late(std::time::Duration::from_secs(2)).times(1));
    let payload = dated(json!({"task": "archive"}));
    let dying = async {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        server.stop();
    };
    let (outcome, ()) = futures::future::join(sandbox.invoke(&payload), dying).await;
    let told = failure(&outcome.expect("a process").answered().expect("an answer"));
    assert!(told.contains("connection") || told.contains("57P"), "{told}");
    assert_eq!(world.raised().await, ["archive-failed firing audit-logs"]);
    server.start_again().expect("started");
    let healed = answer(&sandbox, json!({"task": "archive"})).await;
    assert_eq!(healed["did"]["rows"], json!(ROWS), "{healed:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_is_waited_for_and_not_the_other_way_round() {
    let world = world().await;
    world.run("begin; select * from audit_logs order by created_at limit 1 for update").await;
    let sandbox = world.start(&audit_policy(""), &[]).await;
    let payload = dated(json!({"task": "archive"}));
    let releasing = async {
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        world.run("rollback").await;
    };
    let (outcome, ()) = futures::future::join(sandbox.invoke(&payload), releasing).await;
    let done = outcome.expect("a process").answered().expect("an answer");
    assert_eq!((&done["did"]["rows"], &done["outcome"]), (&json!(ROWS), &json!("ok")), "{done:#}");
}
