//! Killed at any point, while rows are written and changed, archiver loses no row and has none twice: what is in the table
//! and what is restored from the archive are together all rows that there are, as they are.

use serde_json::json;
use testkit::runtime_api::Sandbox;

use crate::world::{AUDIT_LOGS, World, answer, audit_policy, dated};

/// Beside the table stands what every writer has written last, of each row, whatever archiver deletes.
const MODEL: &str = "create table model (like audit_logs including all);
    create function keep_model() returns trigger language plpgsql as $$ begin
      insert into model values (new.*) on conflict (id) do update
      set actor = excluded.actor, action = excluded.action, metadata = excluded.metadata, ip = excluded.ip,
          amount = excluded.amount, created_at = excluded.created_at;
      return null;
    end $$;
    create trigger keep_model after insert or update on audit_logs for each row execute function keep_model();";

const POLICY: &str = "batch_rows = 40";

async fn world() -> World {
    World::new(&format!("{AUDIT_LOGS}{MODEL}")).await
}

/// Rows are written, and old ones changed.
async fn write(world: &World, n: usize) {
    world
        .run(&format!(
            "update audit_logs set actor = 'changed-{n}', amount = {n}
             where id in (select id from audit_logs order by md5(id::text || '{n}') limit 7)"
        ))
        .await;
    world.log(5, 60).await;
}

/// How many rows there are, and how many of them are missing, twice or not as they are.
async fn compare(world: &World, what: &str) -> (u64, u64) {
    world.run("drop table if exists restored").await;
    let payload = json!({"task": "restore", "policy": "audit-logs", "into": "restored"});
    let answer = world.ask(&audit_policy(POLICY), payload).await;
    assert_eq!(answer["failed"], json!([]), "{what}: {answer:#}");
    let all = "(select a::text as row from audit_logs a union all select r::text from restored r)";
    let differ = format!(
        "select count(*) from (
           (select row from {all} as a except all select m::text from model m)
           union all
           (select m::text from model m except all select row from {all} as a)) as d"
    );
    let count = |text: String| text.parse().expect("a number");
    (count(world.value("select count(*) from model").await), count(world.value(&differ).await))
}

/// Whether the process died of it.
async fn archive(world: &World, sandbox: &Sandbox) -> bool {
    world.leases_run_out().await;
    sandbox.invoke(&dated(json!({"task": "archive"}))).await.expect("an outcome").answered().is_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_any_statement_no_row_is_lost_and_none_is_there_twice() {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let traced = world().await;
    traced.log(70, 60).await;
    let path = log.path().to_str().expect("a path");
    let sandbox = traced.start(&audit_policy(POLICY), &[("FAILPOINT_LOG", path)]).await;
    assert!(!archive(&traced, &sandbox).await);
    assert_eq!(compare(&traced, "undisturbed").await, (70, 0));
    let points = std::fs::read_to_string(log.path()).expect("points");
    for point in
        ["uploading a part", "completing an upload", "noting an upload", "noting a verification", "deleting rows"]
    {
        assert!(points.contains(point), "{point}");
    }
    let points = points.lines().count();
    let mut kills = 0;
    for n in 1..=points {
        let world = world().await;
        world.log(70, 60).await;
        let doomed = world.start(&audit_policy(POLICY), &[("FAILPOINT_ABORT_AT", &n.to_string())]).await;
        kills += usize::from(archive(&world, &doomed).await);
        write(&world, n).await;
        let heir = world.start(&audit_policy(POLICY), &[]).await;
        assert!(!archive(&world, &heir).await, "the heir of point {n}");
        assert_eq!(compare(&world, &format!("point {n}")).await, (75, 0), "point {n}");
    }
    println!("archiver: {points} points, {kills} kills, rows lost = 0, twice = 0");
    assert_eq!(kills, points);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_two_hundred_random_points_while_rows_are_written_no_row_is_lost() {
    let world = world().await;
    world.log(200, 60).await;
    let (mut kills, mut runs) = (0, 0);
    // Numerical Recipes' generator: the same points in every run of this test.
    let mut random = 1_u64;
    while kills < 200 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let point = 1 + (random >> 33) % 60;
        let doomed = world.start(&audit_policy(POLICY), &[("FAILPOINT_ABORT_AT", &point.to_string())]).await;
        let (died, ()) = futures::future::join(archive(&world, &doomed), write(&world, runs)).await;
        kills += usize::from(died);
        runs += 1;
        assert!(runs < 600, "{kills} kills in {runs} runs");
    }
    let heir = world.start(&audit_policy(POLICY), &[]).await;
    // Where the server has not noticed yet that the last of them is dead, its locks are waited for by a later run.
    let mut last = json!(null);
    for _ in 0..10 {
        world.leases_run_out().await;
        last = answer(&heir, json!({"task": "archive"})).await;
        if last["remaining"] == json!([]) {
            break;
        }
    }
    let (rows, differ) = compare(&world, "after all").await;
    let batches = world.stored("select count(*) from watchkeeper.archive_batches").await;
    let kept = world.stored("select sum(jsonb_array_length(kept)) from watchkeeper.archive_batches").await;
    println!(
        "archiver: {kills} kills in {runs} runs, {rows} rows in {} batches, {} changed between export and delete, {differ} \
         rows lost or twice",
        batches[0], kept[0]
    );
    assert_eq!(differ, 0);
    let hot = world.value("select count(*) from audit_logs where created_at < '2024-11-22T12:00:00Z'").await;
    assert_eq!(hot, "0", "{last:#}");
}
