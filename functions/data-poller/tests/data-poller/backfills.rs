//! Backfills: what was missed is made up for in steps, oldest first, and nothing is triggered twice.

use futures::future::join;
use serde_json::{Value, json};
use testkit::runpod::Job;

use crate::world::{World, answer, triggered, why};

const DAYS: [&str; 8] =
    ["20 00:00", "20 06:00", "20 12:00", "20 18:00", "21 00:00", "21 06:00", "21 12:00", "21 18:00"];
const ALL: [&str; 8] = [
    "2026112000 1",
    "2026112006 1",
    "2026112012 1",
    "2026112018 1",
    "2026112100 1",
    "2026112106 1",
    "2026112112 1",
    "2026112118 1",
];

/// Two days of cycles that are all published.
async fn two_days() -> World {
    let world = World::new().await;
    DAYS.iter().for_each(|cycle| world.publish(cycle));
    world
}

fn sorted(mut jobs: Vec<String>) -> Vec<String> {
    jobs.sort();
    jobs
}

/// The first job of a cycle.
fn job_of(world: &World, cycle: &str) -> Job {
    world.runpod.jobs().into_iter().find(|job| job.input["run_timestamp"] == cycle).expect("its job")
}

fn by_threes() -> Value {
    json!({ "backfill_hours": 48, "limit": 3 })
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_cycles_by_threes_are_three_three_two_and_none() {
    let world = two_days().await;
    let poller = world.polling(&world.gfs("look_back = '6h'\nconcurrency = 8")).await;
    let mut steps = Vec::new();
    for (minute, remaining) in [("00", 5), ("05", 2), ("10", 0), ("15", 0)] {
        let step = world.ask(&poller, by_threes(), &format!("21 23:{minute}")).await;
        assert_eq!(step["remaining"].as_array().map(Vec::len), Some(remaining), "{step}");
        // Every cycle of the window is named, whatever is done about it.
        let named = triggered(&step).len() + remaining + step["skipped"].as_array().map_or(0, Vec::len);
        assert_eq!(named, 8, "{step}");
        steps.push(triggered(&step));
    }
    assert_eq!(steps.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 2, 0]);
    let started: Vec<String> = steps.concat().iter().map(|name| name.replace("gfs/", "") + " 1").collect();
    assert_eq!(started, ALL, "oldest first");
    assert_eq!(sorted(world.jobs()), ALL);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_has_no_more_runs_under_way_than_it_may_and_the_rest_is_left() {
    let world = two_days().await;
    let poller = world.polling(&world.gfs("look_back = '6h'\nconcurrency = 2")).await;
    let mut steps = Vec::new();
    for minute in ["00", "05", "10", "15", "20"] {
        let step = world.ask(&poller, json!({ "backfill_hours": 48 }), &format!("21 23:{minute}")).await;
        steps.push(triggered(&step).len());
        if steps.len() == 2 {
            assert_eq!(step["remaining"].as_array().map(Vec::len), Some(6), "nothing has ended: {step}");
        }
        if steps.len() > 1 {
            world.work_off();
        }
    }
    assert_eq!(steps, [2, 0, 2, 2, 2]);
    assert_eq!(sorted(world.jobs()), ALL);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_backfills_at_once_trigger_nothing_twice() {
    let world = two_days().await;
    let sources = world.gfs("look_back = '6h'\nconcurrency = 8");
    let (one, other) = (world.polling(&sources).await, world.polling(&sources).await);
    let mut together = 0;
    for minute in ["00", "05", "10"] {
        let payload = world.dated(by_threes(), &format!("21 23:{minute}"));
        let (this, that) = join(answer(&one, payload.clone()), answer(&other, payload)).await;
        together += triggered(&this).len() + triggered(&that).len();
    }
    assert_eq!((together, sorted(world.jobs())), (8, ALL.map(str::to_owned).to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_statement_has_set_to_failed_is_made_anew_and_what_failed_for_a_reason_is_not() {
    let world = two_days().await;
    let poller = world.polling(&world.gfs("look_back = '6h'\nconcurrency = 8\nattempts = 1")).await;
    world.ask(&poller, json!({ "backfill_hours": 48 }), "21 23:00").await;
    let last = job_of(&world, "2026-11-21T18:00:00Z");
    assert!(world.runpod.begin(&last.id) && world.runpod.fail(&last.id, "CUDA out of memory"));
    world.work_off();
    world.poll(&poller, "21 23:20").await;
    let runs = world.runs().await;
    assert_eq!((runs[0].as_str(), runs[7].as_str()), ("2026112000 complete 1", "2026112118 failed 1"));
    world
        .stored("update watchkeeper.forecast_runs set status = 'failed' where run_timestamp = '2026-11-20T00:00Z'")
        .await;

    let made = world.ask(&poller, json!({ "backfill_hours": 48 }), "21 23:30").await;
    assert_eq!(triggered(&made), ["gfs/2026112000"], "{made}");
    let failed = why(&made, "gfs/2026112118").expect("it is named");
    assert!(failed.contains("attempt 1 of 1") && failed.contains("CUDA out of memory"), "{failed}");
    let forced = world.ask(&poller, json!({ "force_retry": true }), "21 23:35").await;
    assert_eq!(triggered(&forced), ["gfs/2026112118"], "{forced}");
    let ids = world.column("run_id").await;
    let jobs = world.runpod.jobs();
    assert_eq!((&jobs[8].input["run_id"], &jobs[9].input["run_id"]), (&json!(ids[0]), &json!(ids[7])));
    assert_ne!(jobs[9].input["run_id"], last.input["run_id"], "what is heard of the runs before is not about these");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_force_the_same_retry_while_the_schedule_polls_start_it_once() {
    let world = World::new().await;
    world.publish("20 00:00");
    let sources = world.gfs("look_back = '6h'\nattempts = 1");
    let (one, other, schedule) =
        (world.polling(&sources).await, world.polling(&sources).await, world.polling(&sources).await);
    world.poll(&one, "20 05:00").await;
    let job = world.runpod.jobs().remove(0);
    assert!(world.runpod.begin(&job.id) && world.runpod.fail(&job.id, "no GPU"));
    // Whether the schedule has noted the failure before they come is a matter of luck.
    let (force, poll) = (world.dated(json!({ "force_retry": true }), "20 05:15"), world.dated(json!({}), "20 05:15"));
    let both = join(answer(&one, force.clone()), answer(&other, force.clone()));
    let (_, (this, that)) = join(answer(&schedule, poll), both).await;
    let last = answer(&one, force).await;
    let times = [&this, &that, &last].map(|answer| triggered(answer).len());
    assert_eq!((times.iter().sum::<usize>(), world.jobs().len()), (1, 2), "{this} {that} {last}");
    assert_ne!(world.runpod.jobs()[1].input["run_id"], job.input["run_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_statement_has_reset_before_upstream_published_it_is_processed_when_it_is_there() {
    let world = World::new().await;
    world.publish("21 12:00");
    let poller = world.polling(&world.gfs("look_back = '12h'\nconcurrency = 8")).await;
    world.ask(&poller, json!({}), "21 18:05").await;
    world.work_off();
    world.ask(&poller, json!({}), "21 18:10").await;
    let reset = "update watchkeeper.forecast_runs set status = 'failed', storage_path = '' where run_timestamp >= '2026-11-21T12:00Z'";
    world.stored(reset).await;
    let caught_up = world.ask(&poller, json!({ "backfill_hours": 7 }), "21 18:15").await;
    assert_eq!(triggered(&caught_up).len(), 1, "{caught_up}");
    world.publish("21 18:00");
    world.ask(&poller, json!({}), "21 23:30").await;
    assert_eq!(sorted(world.jobs()), ["2026112112 1", "2026112112 1", "2026112118 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_the_runbooks_statement_and_backfills_catch_up() {
    // Eight cycles of the last 48 hours, and one before them that the restore did not touch.
    let world = two_days().await;
    world.publish("19 18:00");
    let poller = world.polling(&world.gfs("look_back = '6h'\nconcurrency = 20")).await;
    let backfill = async |payload: Value| world.ask(&poller, payload, "21 23:30").await;
    // All was well before.
    let before = triggered(&backfill(json!({ "backfill_hours": 54 })).await).len();
    world.work_off();
    backfill(json!({})).await;
    assert_eq!(world.stored("select distinct status from watchkeeper.forecast_runs").await, ["complete"]);

    // The statement is the runbook's own, to the letter; the instant that it asks for is the story's.
    world.stored("create function public.now() returns timestamptz return timestamptz '2026-11-21T23:30:00Z'").await;
    let restored = "set search_path to public, pg_catalog, watchkeeper;
        UPDATE forecast_runs SET status='failed', storage_path='' WHERE run_timestamp > NOW() - INTERVAL '48 hours';";
    world.stored(restored).await;
    let reset = world.stored("select run_id::text from watchkeeper.forecast_runs where status = 'failed'").await.len();
    assert!(reset == 8 && before == 9, "{reset} of {before}: a cycle every six hours");
    let mut steps = Vec::new();
    for _ in 0..4 {
        steps.push(triggered(&backfill(json!({ "backfill_hours": 48, "limit": 5 })).await).len());
        world.work_off();
    }
    assert_eq!(steps, [5, 3, 0, 0]);
    assert_eq!(world.stored("select distinct status from watchkeeper.forecast_runs").await, ["complete"]);
    let mut made: Vec<_> =
        world.runpod.jobs().iter().map(|job| format!("{} {}", job.input["run_id"], job.input["attempt"])).collect();
    made.sort();
    let all = made.len();
    made.dedup();
    assert_eq!((made.len(), all), (before + reset, before + reset), "nothing twice");
}
