//! The poller itself was away, or upstream was: every cycle is a row all the same, and one signal tells of what was missed; what
//! was told has an end.

use std::time::Duration;

use serde_json::{Value, json};

use crate::upstream::Misbehaviour;
use crate::world::{World, triggered, why};

/// A signal as `kind status`.
fn word(one: &Value) -> String {
    format!("{} {}", one["kind"], one["status"]).replace('"', "")
}

/// The signals that wait for the router.
async fn told(world: &World) -> Vec<String> {
    world.raised().await.iter().map(word).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_of_the_poller_longer_than_look_back_no_cycle_is_without_a_row_and_a_backfill_makes_up_for_them()
 {
    let world = World::new().await;
    let poller = world.polling(&world.gfs("look_back = '12h'\nconcurrency = 20")).await;
    world.publish("20 00:00");
    world.poll(&poller, "20 06:00").await;
    world.work_off();
    world.poll(&poller, "20 06:05").await;
    world.raised().await;
    let missed = ["20 12:00", "20 18:00", "21 00:00", "21 06:00", "21 12:00", "21 18:00", "22 00:00"];
    missed.iter().for_each(|cycle| world.publish(cycle));

    let back = world.poll(&poller, "22 06:00").await;
    // 20T06 was a row before; 21T18 and 22T00 are young enough to be looked at.
    assert_eq!(triggered(&back), ["gfs/2026112118", "gfs/2026112200"], "{back}");
    let reason = why(&back, "gfs/2026112012").expect("it is named");
    assert!(reason.starts_with("given up: nobody looked at it within 12h"), "{reason}");
    let raised = world.raised().await;
    let [one] = raised.as_slice() else { panic!("one signal: {raised:?}") };
    assert_eq!((&one["kind"], &one["severity"]), (&json!("run-failed"), &json!("HIGH")));
    let said = one["summary"].as_str().expect("a summary");
    let words = "gfs 12Z of 21 Nov has failed: never triggered, nor were 5 before it, from gfs 06Z of 20 Nov on";
    assert!(said.starts_with(words), "{said}");
    assert_eq!(told(&world).await, [""; 0]);
    let again = world.poll(&poller, "22 06:05").await;
    assert_eq!((triggered(&again), told(&world).await), (vec![], vec![]), "{again}");

    // What its signal proposes brings them all back, and ends it.
    let hours: i64 =
        said.split("\"backfill_hours\": ").nth(1).and_then(|rest| rest.split('}').next()?.parse().ok()).expect("hours");
    let asked = json!({ "source": "gfs", "force_retry": true, "backfill_hours": hours });
    let made_up = world.ask(&poller, asked, "22 06:10").await;
    assert_eq!(triggered(&made_up).len(), 5, "20T06 was never published: {made_up}");
    world.work_off();
    world.poll(&poller, "22 06:15").await;
    assert_eq!(told(&world).await, ["run-failed resolved"]);
    let left = "select count(*)::text from watchkeeper.forecast_runs
                where status <> 'complete' and run_timestamp >= '2026-11-20T00:00Z'";
    // 20T06, which was never published, and 22T06, which is just due.
    assert_eq!(world.stored(left).await, ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_upstream_is_one_alert_of_lateness_and_one_of_what_it_cost_however_many_cycles_it_has() {
    let world = World::new().await;
    let poller = world.polling(&world.gfs("look_back = '12h'\nconcurrency = 20")).await;
    ["19 18:00", "20 00:00"].iter().for_each(|cycle| world.publish(cycle));
    world.poll(&poller, "20 00:05").await;
    world.work_off();
    world.poll(&poller, "20 00:10").await;
    for time in ["20 06:05", "20 12:05", "20 18:05", "21 00:05", "21 06:05", "21 12:05", "21 18:05"] {
        world.poll(&poller, time).await;
    }
    let mut so_far = told(&world).await;
    so_far.sort();
    assert_eq!(so_far, ["run-failed firing", "upstream-late firing"]);
    // It comes back with what is new, and not with what was missed.
    ["21 12:00", "21 18:00"].iter().for_each(|cycle| world.publish(cycle));
    world.poll(&poller, "21 18:10").await;
    let raised = world.raised().await;
    let [over] = raised.as_slice() else { panic!("one signal: {raised:?}") };
    let said = over["summary"].as_str().expect("a summary");
    assert!(
        said.contains("5 were not published in time and are given up, gfs 06Z of 20 Nov to gfs 06Z of 21 Nov"),
        "{said}"
    );
    assert_eq!((&over["kind"], &over["status"]), (&json!("upstream-late"), &json!("resolved")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_new_tells_nobody_of_what_was_gone_before_it_was_watched() {
    let world = World::new().await;
    let poller = world.polling(&world.gfs("look_back = '48h'")).await;
    world.publish("21 18:00");
    let first = world.poll(&poller, "22 00:30").await;
    assert_eq!(triggered(&first), ["gfs/2026112118"], "{first}");
    let reason = why(&first, "gfs/2026112100").expect("it is named");
    assert!(reason.contains("which did not have it when its source was first looked at"), "{reason}");
    assert_eq!(told(&world).await, [""; 0]);
    // What comes all the same is processed, and what does not is nobody's loss.
    world.publish("21 06:00");
    assert_eq!(triggered(&world.poll(&poller, "22 00:35").await), ["gfs/2026112106"]);
    world.work_off();
    world.publish("22 00:00");
    world.poll(&poller, "22 00:40").await;
    world.work_off();
    world.poll(&poller, "22 00:45").await;
    world.poll(&poller, "22 18:00").await;
    let of_before = "select count(*)::text from watchkeeper.forecast_runs where from_before and status = 'failed'";
    assert_eq!(world.stored(of_before).await, ["3"], "20T00, 20T06, 20T12");
    let raised = told(&world).await;
    assert_eq!(raised, ["upstream-late firing"], "06Z of the day is late");
    let history = json!({ "backfill_hours": 240 });
    world.ask(&poller, history, "22 18:05").await;
    assert_eq!(told(&world).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_of_a_source_that_is_renamed_ends_a_day_later() {
    let world = World::new().await;
    let watched = world.gfs("attempts = 1");
    let poller = world.polling(&watched).await;
    ["19 18:00", "20 00:00"].iter().for_each(|cycle| world.publish(cycle));
    world.poll(&poller, "20 00:05").await;
    world.runpod.jobs().iter().filter(|job| job.input["run_timestamp"] == "2026-11-20T00:00:00Z").for_each(|job| {
        world.runpod.begin(&job.id);
        world.runpod.fail(&job.id, "out of memory");
    });
    world.poll(&poller, "20 00:10").await;
    world.poll(&poller, "20 12:05").await;
    let mut so_far = told(&world).await;
    so_far.sort();
    assert_eq!(so_far, ["run-failed firing", "run-failed firing", "upstream-late firing"], "19T18 took too long");

    let renamed = world.polling(&watched.replace("[source.gfs]", "[source.gfs-whole]")).await;
    let of_gfs = |raised: Vec<Value>| {
        let of_it = raised.into_iter().filter(|one| one["subject"] == "gfs");
        let mut words: Vec<String> = of_it.map(|one| word(&one)).collect();
        words.sort();
        words
    };
    world.poll(&renamed, "20 12:10").await;
    assert_eq!(of_gfs(world.raised().await), [""; 0], "it may come back");
    let later = world.poll(&renamed, "21 12:30").await;
    let over = of_gfs(world.raised().await);
    assert_eq!(over, ["run-failed resolved", "run-failed resolved", "upstream-late resolved"]);
    let gone = "the watch file has no source of this name any more";
    assert_eq!(why(&later, "gfs/2026112006").as_deref(), Some(gone), "{later}");
    let open = "select count(*)::text from watchkeeper.forecast_runs
                where source = 'gfs' and status in ('due', 'late', 'triggered', 'running')";
    assert_eq!(world.stored(open).await, ["0"]);
    let again = world.poll(&renamed, "21 12:35").await;
    assert_eq!((of_gfs(world.raised().await), why(&again, "gfs/2026112006")), (vec![], None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_long_before_anybody_announced_it_is_noted_and_no_news() {
    let world = World::new().await;
    let insert = "insert into watchkeeper.forecast_runs (source, run_timestamp, status, finished_at)
                  values ('gfs', '2026-11-10T00:00Z', 'complete', '2026-11-10T07:00Z'),
                         ('gfs', '2026-11-19T18:00Z', 'complete', '2026-11-20T01:00Z')";
    world.stored(insert).await;
    let poller = world.polling(&world.gfs("look_back = '12h'")).await;
    let answer = world.poll(&poller, "20 01:05").await;
    assert_eq!(answer["did"]["announced"], json!(2), "{answer}");
    // ForecastReady of one run, and how late upstream is.
    assert_eq!(answer["did"]["published"], json!(2), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lateness_that_was_told_ends_though_no_row_is_late_any_more() {
    let world = World::new().await;
    let poller = world.polling(&world.gfs("concurrency = 20")).await;
    ["19 12:00", "19 18:00", "20 00:00"].iter().for_each(|cycle| world.publish(cycle));
    world.poll(&poller, "20 06:05").await;
    world.work_off();
    world.poll(&poller, "20 12:05").await;
    let raised = world.raised().await;
    let late = raised.iter().find(|one| one["kind"] == "upstream-late").expect("06Z is late");
    let fingerprint = late["id"].as_str().and_then(|id| id.split('/').next()).expect("a fingerprint");
    // The router has opened it.
    let opened = format!(
        "insert into watchkeeper.alerts (alert_id, fingerprint, kind, subject, environment, severity, notified_severity,
                                         labels, status, opened_at, last_signal_at, signal_count)
         values (gen_random_uuid(), '{fingerprint}', 'upstream-late', 'gfs', 'local', 'MEDIUM', 'MEDIUM', '{{}}', 'firing',
                 '2026-11-20T12:05Z', '2026-11-20T12:05Z', 1)"
    );
    world.stored(&opened).await;
    // After a failover everything is made anew, and is complete before anybody polls.
    world.stored("update watchkeeper.forecast_runs set status = 'failed'").await;
    world.publish("20 06:00");
    world.ask(&poller, json!({ "backfill_hours": 48 }), "20 12:10").await;
    let over = world.raised().await;
    let ended = over.iter().any(|one| one["kind"] == "upstream-late" && one["status"] == "resolved");
    assert!(ended, "{over:?}");
    world
        .stored("update watchkeeper.alerts set status = 'resolved', resolved_at = now(), close_reason = 'recovered'")
        .await;
    world.poll(&poller, "20 12:15").await;
    assert_eq!(told(&world).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_slow_mirror_what_is_new_is_looked_at_before_what_was_missing_all_along() {
    let world = World::new().await;
    let poller = world.polling(&world.gfs("look_back = '36h'\nconcurrency = 20")).await;
    ["18 18:00", "19 00:00", "19 06:00", "19 12:00"].iter().for_each(|cycle| world.publish(cycle));
    world.poll(&poller, "19 18:05").await;
    world.work_off();
    for time in ["19 18:10", "20 00:05", "20 06:05", "20 12:05", "20 18:05"] {
        world.poll(&poller, time).await;
    }
    world.upstream.behaves(crate::world::BUCKET, Some(Misbehaviour::Slow(Duration::from_secs(3))));
    world.publish("20 18:00");
    let polled = world.poll(&poller, "20 23:40").await;
    assert_eq!(triggered(&polled), ["gfs/2026112018"], "{polled}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_made_up_for_within_a_week_is_over() {
    let world = World::new().await;
    let poller = world.polling(&world.gfs("look_back = '12h'\nconcurrency = 20")).await;
    world.publish("10 00:00");
    world.poll(&poller, "10 06:00").await;
    world.work_off();
    world.poll(&poller, "10 06:05").await;
    world.poll(&poller, "12 06:00").await;
    let mut so_far = told(&world).await;
    so_far.sort();
    assert_eq!(so_far, ["run-failed firing", "upstream-late firing"]);
    world.stored("update watchkeeper.forecast_runs set finished_at = '2026-11-12T06:00Z' where told_failed").await;
    ["18 18:00", "19 00:00", "19 06:00"].iter().for_each(|cycle| world.publish(cycle));
    let later = world.poll(&poller, "19 06:05").await;
    assert_eq!(why(&later, "gfs/2026111118").as_deref(), Some("nobody has made up for it within a week"), "{later}");
    // And of the week in which nobody polled somebody is told.
    let mut since = told(&world).await;
    since.sort();
    assert_eq!(since, ["run-failed firing", "run-failed resolved", "upstream-late resolved"]);
}
