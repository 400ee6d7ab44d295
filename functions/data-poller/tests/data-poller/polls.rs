//! What a poll answers, records, triggers and announces.

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Datapoint, Statistic};
use serde_json::json;

use crate::world::{BUCKET, World, at, triggered, why};

const NOTHING: [&str; 0] = [];

#[tokio::test(flavor = "multi_thread")]
async fn a_cycle_is_triggered_once_when_its_last_file_is_there_followed_to_its_end_and_announced_once() {
    let world = World::new().await;
    let poller = world.polling(&world.gfs("look_back = '7h'")).await;
    // 00Z of the 20th is within the window too, and complete.
    world.publish("20 00:00");
    let first = world.poll(&poller, "20 05:00").await;
    assert_eq!(triggered(&first), ["gfs/2026112000"], "{first}");
    assert_eq!(world.runs().await, ["2026112000 triggered 1"]);
    world.work_off();
    let done = world.poll(&poller, "20 05:15").await;
    assert_eq!((&done["did"]["completed"], &done["did"]["announced"]), (&json!(1), &json!(1)), "{done}");

    for (time, file, missing) in
        [("20 10:00", "f000", "none of 3 files"), ("20 10:15", "f006", "2 of 3"), ("20 10:30", "f003", "1 of 3")]
    {
        let waits = world.poll(&poller, time).await;
        assert_eq!(triggered(&waits), NOTHING, "{waits}");
        let reason = why(&waits, "gfs/2026112006").expect("06Z is named");
        assert!(reason.contains("waiting for upstream") && reason.contains(missing), "{reason}");
        world.publish_file("20 06:00", file);
    }
    let complete = world.poll(&poller, "20 10:45").await;
    assert_eq!(triggered(&complete), ["gfs/2026112006"], "{complete}");
    assert_eq!(world.jobs(), ["2026112000 1", "2026112006 1"]);
    let job = &world.runpod.jobs()[1];
    assert_eq!((&job.input["model"], &job.input["bucket"]), (&json!("medium"), &json!(BUCKET)));
    assert_eq!(job.input["prefixes"], json!(["gfs.20261120/06/f"]));
    assert_eq!(job.execution_timeout_ms, 9_000_000);

    let again = world.poll(&poller, "20 10:50").await;
    assert_eq!(triggered(&again), NOTHING);
    assert!(why(&again, "gfs/2026112006").is_some_and(|why| why.starts_with("in flight: attempt 1 of 3")), "{again}");
    world.runpod.begin(&job.id);
    world.poll(&poller, "20 10:55").await;
    assert_eq!(world.runs().await[1], "2026112006 running 1");

    world.runpod.complete(&job.id, json!({ "frames": 209 }));
    let done = world.poll(&poller, "20 11:15").await;
    assert_eq!((&done["did"]["completed"], &done["did"]["announced"]), (&json!(1), &json!(1)), "{done}");
    assert_eq!(world.runs().await, ["2026112000 complete 1", "2026112006 complete 1"]);
    let after = world.poll(&poller, "20 12:00").await;
    assert_eq!((&after["did"]["announced"], &after["looked_at"]["complete"]), (&json!(null), &json!(1)), "{after}");
    assert_eq!(world.jobs().len(), 2);
    assert!(world.raised().await.is_empty());
    assert_eq!(ready(&world).await, 2.0);
    let ledger =
        "select outcome || ' ' || count(*) from watchkeeper.ledger where function = 'data-poller' group by outcome";
    assert_eq!(world.stored(ledger).await, ["ok 10"]);
}

/// The sum of `ForecastReady` with its dimension.
async fn ready(world: &World) -> f64 {
    let cloudwatch = aws_sdk_cloudwatch::Client::new(world.aws());
    let listed = cloudwatch.list_metrics().namespace("OPsPipeline").metric_name("ForecastReady").send().await;
    let metrics = listed.expect("CloudWatch answers").metrics.unwrap_or_default();
    let [metric] = metrics.as_slice() else { panic!("one metric: {metrics:?}") };
    let dimensions: Vec<_> = metric.dimensions().iter().map(|one| (one.name(), one.value())).collect();
    assert!(dimensions.contains(&(Some("ForecastType"), Some("medium_range"))), "{dimensions:?}");
    let summed = cloudwatch.get_metric_statistics().namespace("OPsPipeline").metric_name("ForecastReady");
    let summed = summed.set_dimensions(metric.dimensions.clone()).period(86_400 * 30).statistics(Statistic::Sum);
    let instant = |time: &str| DateTime::from_secs(at(time).as_second());
    let answer = summed.start_time(instant("01 00:00")).end_time(instant("30 00:00")).send().await;
    answer.expect("CloudWatch answers").datapoints().iter().filter_map(Datapoint::sum).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_switch_holds_is_a_row_and_is_triggered_when_the_switch_is_on_again() {
    let world = World::new().await;
    world.put_switch("enable_medium_range", "off").await;
    world.publish("20 00:00");
    let off = world.polling(&world.gfs("look_back = '6h'")).await;
    let held = world.poll(&off, "20 04:00").await;
    assert_eq!(triggered(&held), NOTHING);
    let reason = why(&held, "gfs/2026112000").expect("it is named");
    assert_eq!(reason, "held: the switch enable_medium_range is off");
    assert_eq!(world.runs().await, ["2026112000 held 0"]);
    assert!(world.upstream.asked().is_empty(), "nothing is looked at that may not be triggered");

    world.put_switch("enable_medium_range", "on").await;
    let on = world.polling(&world.gfs("look_back = '6h'")).await;
    assert_eq!(triggered(&world.poll(&on, "20 04:15").await), ["gfs/2026112000"]);
    assert_eq!(world.runs().await, ["2026112000 triggered 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_switch_held_while_upstream_became_late_is_late_when_it_is_on_again() {
    let world = World::new().await;
    world.put_switch("enable_medium_range", "off").await;
    let source = world.gfs("look_back = '12h'");
    world.poll(&world.polling(&source).await, "20 05:00").await;
    world.put_switch("enable_medium_range", "on").await;
    let on = world.polling(&source).await;
    let late = world.poll(&on, "20 11:30").await;
    assert!(why(&late, "gfs/2026112000").is_some_and(|why| why.starts_with("upstream is late")), "{late}");
    world.publish("20 00:00");
    assert!(triggered(&world.poll(&on, "20 11:35").await).contains(&"gfs/2026112000".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_upstream_publishes_again_is_processed_again_where_that_is_wanted_and_nowhere_else() {
    for (policy, jobs) in [("rerun", 2), ("ignore", 1)] {
        let world = World::new().await;
        let poller = world.polling(&world.gfs(&format!("look_back = '6h'\nrepublished = '{policy}'"))).await;
        world.publish("20 00:00");
        world.poll(&poller, "20 04:00").await;
        world.work_off();
        world.poll(&poller, "20 04:10").await;
        assert_eq!(triggered(&world.poll(&poller, "20 04:20").await), NOTHING, "it is the same as before");
        let before = world.column("run_id").await;
        world.upstream.publish(BUCKET, "gfs.20261120/00/f003", 11, at("20 04:25"));
        world.poll(&poller, "20 04:30").await;
        assert_eq!(world.jobs().len(), jobs, "{policy}");
        assert_eq!(world.column("run_id").await == before, policy == "ignore");
        world.work_off();
        world.poll(&poller, "20 04:40").await;
        world.poll(&poller, "20 04:50").await;
        assert_eq!((world.runs().await, world.jobs().len()), (vec!["2026112000 complete 1".to_owned()], jobs));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_says_what_would_be_triggered_and_changes_nothing() {
    let world = World::new().await;
    let poller = world.polling(&world.gfs("look_back = '7h'")).await;
    world.publish("20 00:00");
    let rehearsed = world.ask(&poller, json!({ "dry_run": true }), "20 06:30").await;
    assert_eq!((triggered(&rehearsed), &rehearsed["dry_run"]), (vec!["gfs/2026112000".to_owned()], &json!(true)));
    assert!(why(&rehearsed, "gfs/2026112006").is_some(), "{rehearsed}");
    assert_eq!(why(&rehearsed, "everything").as_deref(), Some("dry_run"));
    assert_eq!((world.runs().await.len(), world.jobs().len()), (0, 0));
    assert_eq!(world.stored("select count(*)::text from watchkeeper.ledger").await, ["0"]);
}
