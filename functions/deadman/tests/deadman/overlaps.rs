//! Two evaluators at once are one.

use futures::future::join;
use serde_json::json;

use crate::world::{NIGHTLY, World, answer, at, ping};

const RUNS: &str = "
[heartbeat.cycles]
signal = { ping = true }
schedule = '*/20 * * * *'
grace = '7m'
severity = 'HIGH'
";

/// A hundred ticks of three minutes; what was raised, and what is on record.
async fn hundred_ticks(evaluators: usize) -> (Vec<String>, Vec<String>, Vec<String>) {
    let world = World::new().await;
    let watched = format!("{NIGHTLY}{RUNS}");
    let deadman = world.watching(&watched).await;
    let other = world.watching(&watched).await;
    for tick in 0..100 {
        let time = format!("{:02}:{:02}", tick * 3 / 60, tick * 3 % 60);
        if tick % 17 == 5 {
            ping(&deadman, "success", &time).await;
        }
        if tick % 7 == 3 {
            let success = json!({ "ping": { "heartbeat": "cycles", "signal": "success" }, "now": at(&time) });
            answer(&other, success).await;
        }
        let payload = json!({ "now": at(&time) });
        if evaluators == 2 {
            // The schedule fires twice; either may be first, and either may be told that the other is under way.
            join(answer(&deadman, payload.clone()), answer(&other, payload)).await;
        } else {
            answer(&deadman, payload).await;
        }
    }
    let mut raised: Vec<String> =
        world.raised().await.iter().map(|signal| format!("{} {}", signal["id"], signal["summary"])).collect();
    raised.sort();
    let slots = "select name || to_char(slot_at at time zone 'UTC', ' HH24:MI ') || status || ' ' || settled
                 from watchkeeper.heartbeat_slots order by name, slot_at";
    (raised, world.transitions().await, world.stored(slots).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_evaluators_at_once_for_a_hundred_ticks_equal_one() {
    let (one, two) = join(hundred_ticks(1), hundred_ticks(2)).await;
    assert!(one.0.len() > 3, "something happened: {:?}", one.0);
    assert_eq!(one, two);
}
