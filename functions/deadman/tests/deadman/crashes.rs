//! Killed after any statement, and before and after anything it sends, deadman loses nothing and doubles nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::runtime_api::Sandbox;

use crate::world::{LEDGER, NIGHTLY, World, at, watch_file};

/// The story: both are loaded, one beats, both fall silent, one is back.
fn story() -> Vec<Value> {
    let success = |time: &str| json!({ "ping": { "heartbeat": "nightly", "signal": "success" }, "now": at(time) });
    vec![
        json!({ "now": at("00:00") }),
        success("00:30"),
        json!({ "now": at("01:15") }),
        json!({ "now": at("01:45") }),
        success("02:10"),
        json!({ "now": at("02:11") }),
    ]
}

async fn sandbox(world: &World, name: &str, value: &str) -> Sandbox {
    world.start(&watch_file(&format!("{NIGHTLY}{LEDGER}")), &[(name, value)]).await
}

/// What must be so however often it died: each signal once on record, each transition once.
async fn on_record(world: &World) -> (Vec<String>, Vec<String>) {
    let signals =
        "select split_part(id, '/', 2) || ' ' || split_part(id, '/', 4) from watchkeeper.signal_outbox order by 1";
    (world.stored(signals).await, world.transitions().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_point_it_loses_nothing_and_doubles_nothing() {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let world = World::new().await;
    let traced = sandbox(&world, "FAILPOINT_LOG", log.path().to_str().expect("a path")).await;
    for payload in story() {
        traced.invoke(&payload).await.expect("a process").answered().expect("an answer");
    }
    let sound = on_record(&world).await;
    assert_eq!(sound.0.len(), 2, "one firing, one resolved: {:?}", sound.0);
    let points = std::fs::read_to_string(log.path()).expect("points").lines().count();
    assert!(points > 60, "the story passes more than {points} points");

    let (mut kills, mut repeats) = (0, 0);
    for n in 1..=points {
        let world = World::new().await;
        let doomed = sandbox(&world, "FAILPOINT_ABORT_AT", &n.to_string()).await;
        let mut steps = story().into_iter();
        let mut heir = None;
        for payload in steps.by_ref() {
            if doomed.invoke(&payload).await.expect("an outcome").answered().is_err() {
                // The schedule, or the job, tries again; what the dead one held of the lease runs out meanwhile.
                kills += 1;
                world.leases_run_out().await;
                let sound = sandbox(&world, "FAILPOINT_LOG", "").await;
                sound.invoke(&payload).await.expect("a process").answered().expect("an answer");
                heir = Some(sound);
                break;
            }
        }
        if let Some(heir) = &heir {
            for payload in steps {
                heir.invoke(&payload).await.expect("a process").answered().expect("an answer");
            }
        }
        assert_eq!(on_record(&world).await, sound, "killed at point {n}");
        let queued = world.raised().await;
        let ids: BTreeSet<String> = queued.iter().map(|signal| signal["id"].to_string()).collect();
        let unsent = world.stored("select id from watchkeeper.signal_outbox where sent_at is null").await;
        assert!(ids.len() + unsent.len() >= 2, "killed at point {n}: {ids:?} {unsent:?}");
        let told = world.told_self().await.len();
        assert!((1..=2).contains(&told), "killed at point {n}: self was told {told} times");
        repeats += queued.len() - ids.len() + told - 1;
    }
    println!("deadman: {points} points, {kills} kills, {repeats} repeats, lost = 0");
    assert_eq!(kills, points);
}
