//! A cycle that upstream withholds, as `deadman` sees it on the same record.

use serde_json::json;
use testkit::runtime_api::Sandbox;

use crate::world::{World, answer, triggered, why};

const HEARTBEAT: &str = "
[heartbeat.medium-range]
signal = { cycles_of = 'gfs' }
schedule = '0 0,6,12,18 * * *'
grace = '8h30m'
severity = 'CRITICAL'
";

/// deadman at a time of the tests' month.
async fn evaluate(world: &World, deadman: &Sandbox, time: &str) {
    answer(deadman, world.dated(json!({}), time)).await;
}

/// The signals about the heartbeat since this was last asked: status and first words.
async fn about_the_heartbeat(world: &World) -> Vec<(String, String)> {
    let raised = world.raised().await;
    let of_it = raised.iter().filter(|signal| signal["kind"] == "heartbeat");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("?").to_owned();
    of_it.map(|signal| (text(&signal["status"]), text(&signal["summary"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withheld_cycle_is_named_missing_by_deadman_and_recovered_by_force_retry() {
    let world = World::new().await;
    let watched = world.gfs("look_back = '9h'") + HEARTBEAT;
    let (poller, deadman) = (world.polling(&watched).await, world.deadman(&watched).await);
    evaluate(&world, &deadman, "20 00:30").await;
    world.publish("20 00:00");
    world.poll(&poller, "20 05:00").await;
    world.work_off();
    world.poll(&poller, "20 05:15").await;
    evaluate(&world, &deadman, "20 08:00").await;
    assert_eq!(about_the_heartbeat(&world).await, [], "00Z is done");

    // 06Z is withheld, and given up when `look_back` is over.
    world.poll(&poller, "20 12:30").await;
    evaluate(&world, &deadman, "20 14:31").await;
    let missing = about_the_heartbeat(&world).await;
    let [(status, said)] = missing.as_slice() else { panic!("one signal: {missing:?}") };
    assert!(status == "firing" && said.contains("06Z of 20 Nov is missing"), "{said}");
    world.poll(&poller, "20 15:15").await;
    assert!(world.runs().await.contains(&"2026112006 failed 0".to_owned()), "{:?}", world.runs().await);

    // Upstream catches up; nobody looks at what has failed until a person says so.
    world.publish("20 06:00");
    world.publish("20 12:00");
    let by_itself = triggered(&world.poll(&poller, "20 17:00").await);
    assert_eq!(by_itself, ["gfs/2026112012"]);
    let forced = world.ask(&poller, json!({ "source": "gfs", "force_retry": true }), "20 17:01").await;
    assert_eq!(triggered(&forced), ["gfs/2026112006"], "{forced}");
    let again = world.ask(&poller, json!({ "source": "gfs", "force_retry": true }), "20 17:02").await;
    assert!(why(&again, "gfs/2026112006").is_some_and(|why| why.starts_with("in flight")), "{again}");
    world.work_off();
    world.poll(&poller, "20 17:15").await;
    evaluate(&world, &deadman, "20 17:16").await;
    let over = about_the_heartbeat(&world).await;
    assert_eq!(over.iter().map(|(status, _)| status.as_str()).collect::<Vec<_>>(), ["resolved"], "{over:?}");
    let mut jobs = world.jobs();
    jobs.sort();
    assert_eq!(jobs, ["2026112000 1", "2026112006 1", "2026112012 1"]);
}
