//! Killed after any statement, and before and after anything it sends, data-poller loses no cycle and starts none twice.

use std::collections::BTreeMap;

use futures::future::join;
use serde_json::json;
use testkit::runtime_api::{Outcome, Sandbox};

use crate::world::World;

const SOURCE: &str = "look_back = '6h'\nattempts = 3";
/// The cycle is there at the first; the others follow its run, and what must be tried again after its longest run.
const POLLS: [&str; 6] = ["20 05:00", "20 05:15", "20 05:30", "20 07:45", "20 08:00", "20 08:15"];

/// Each attempt was started at most once, each cycle done by one worker and no other, and no cycle is left.
async fn expect_once(world: &World, done: &[String], cycles: usize, what: &str) {
    let mut started: BTreeMap<String, usize> = BTreeMap::new();
    for job in world.runpod.jobs() {
        *started.entry(format!("{} {}", job.input["run_id"], job.input["attempt"])).or_default() += 1;
    }
    assert!(started.values().all(|times| *times == 1), "{what}: {started:?}");
    let mut once = done.to_vec();
    once.sort();
    once.dedup();
    assert_eq!((once.len(), done.len()), (cycles, cycles), "{what}: {done:?}");
    let statuses =
        world.stored("select status || ' ' || count(*) from watchkeeper.forecast_runs group by status").await;
    assert_eq!(statuses, [format!("complete {cycles}")], "{what}");
}

async fn poller(world: &World, variable: &str, value: &str) -> Sandbox {
    world.start(&world.gfs(SOURCE), &[(variable, value)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_point_a_cycle_is_processed_once() {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let world = World::new().await;
    world.publish("20 00:00");
    world.publish("20 06:00");
    let traced = poller(&world, "FAILPOINT_LOG", log.path().to_str().expect("a path")).await;
    let mut done = Vec::new();
    for time in POLLS {
        world.poll(&traced, time).await;
        done.extend(world.claimed_and_done().await);
    }
    expect_once(&world, &done, 2, "undisturbed").await;
    let points = std::fs::read_to_string(log.path()).expect("points");
    for point in ["intent recorded, not sent", "sent, not recorded"] {
        assert!(points.contains(point), "{point}");
    }
    let points = points.lines().count();
    let mut kills = 0;
    for n in 1..=points {
        let world = World::new().await;
        world.publish("20 00:00");
        world.publish("20 06:00");
        let doomed = poller(&world, "FAILPOINT_ABORT_AT", &n.to_string()).await;
        let heir = poller(&world, "FAILPOINT_LOG", "").await;
        let (mut done, mut died) = (Vec::new(), false);
        // What was sent as it died is awaited for as long as it may run.
        for time in POLLS.iter().chain(&["20 10:45", "20 11:00", "20 11:15"]) {
            let payload = world.dated(json!({}), time);
            if died {
                heir.invoke(&payload).await.expect("a process").answered().expect("an answer");
            } else if doomed.invoke(&payload).await.expect("an outcome").answered().is_err() {
                (died, kills) = (true, kills + 1);
            }
            done.extend(world.claimed_and_done().await);
        }
        expect_once(&world, &done, 2, &format!("killed at point {n}")).await;
    }
    println!("data-poller: {points} points, {kills} kills, twice = 0, lost = 0");
    assert_eq!(kills, points);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_backfills_at_once_that_are_killed_again_and_again_process_each_cycle_once() {
    let mut deaths = 0;
    for (one, other) in [(8, 11), (13, 29), (17, 17), (22, 41)] {
        let world = World::new().await;
        for day in ["20", "21"] {
            ["00:00", "06:00", "12:00", "18:00"].iter().for_each(|hour| world.publish(&format!("{day} {hour}")));
        }
        let (one, other) = (
            poller(&world, "FAILPOINT_ABORT_AT", &one.to_string()).await,
            poller(&world, "FAILPOINT_ABORT_AT", &other.to_string()).await,
        );
        let mut done = Vec::new();
        for minute in 0..6 {
            let payload = json!({ "backfill_hours": 45, "limit": 3 });
            let payload = world.dated(payload, &format!("21 18:{minute:02}"));
            let (this, that) = join(one.invoke(&payload), other.invoke(&payload)).await;
            let outcomes = [this.expect("an outcome"), that.expect("an outcome")];
            deaths += outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Died { .. })).count();
            done.extend(world.claimed_and_done().await);
        }
        // What was never sent is known not to run when its time has passed.
        let sound = world.polling(&world.gfs(SOURCE)).await;
        for time in ["21 21:00", "21 21:10", "21 21:20", "21 21:30"] {
            world.ask(&sound, json!({ "backfill_hours": 46 }), time).await;
            done.extend(world.claimed_and_done().await);
        }
        expect_once(&world, &done, 8, "two at once").await;
    }
    println!("data-poller: two backfills at once, {deaths} deaths, twice = 0, lost = 0");
    assert!(deaths >= 8, "{deaths} deaths");
}
