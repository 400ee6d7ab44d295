//! Good samples, which succeed in any order and twice; bad payloads and bad deployments, which are refused by name.

use serde_json::json;
use testkit::runtime_api::{Options, Outcome};
use testkit::samples::samples;

use crate::world::World;

fn failed(outcome: Outcome) -> (String, String) {
    match outcome {
        Outcome::Failed { error_type, message } => (error_type, message),
        other => panic!("expected a refusal, got: {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_succeeds_in_any_order_and_twice() {
    let world = World::new().await;
    let router = world.router().await;
    let all = samples("events/alert-router").expect("samples");
    for (name, event) in all.iter().chain(all.iter().rev()) {
        let outcome = router.invoke(event).await.expect("a process");
        assert!(matches!(outcome, Outcome::Answered(_)), "{name}: {outcome}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refused_sample_is_refused_by_name_and_writes_nothing() {
    let world = World::new().await;
    let router = world.router().await;
    // A sample is called after the field that is wrong.
    for (field, event) in samples("events/invalid/alert-router").expect("samples") {
        let (error_type, message) = failed(router.invoke(&event).await.expect("a process"));
        assert_eq!(error_type, "BadPayload", "{field}");
        assert!(message.contains(&field), "{field}: {message}");
    }
    assert_eq!(world.column("select count(*) from watchkeeper.signals").await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_watch_file_or_a_missing_variable_is_answered_by_every_invocation() {
    let world = World::new().await;
    for (name, value, said) in
        [("WATCH_FILE", "/nowhere/watch.toml", "/nowhere/watch.toml"), ("ALERTS_QUEUE_URL", "", "ALERTS_QUEUE_URL")]
    {
        let router = world.router_with(&[(name, value)], Options::default()).await;
        let (error_type, message) = failed(router.invoke(&json!({"tick": "retry"})).await.expect("a process"));
        assert_eq!(error_type, "BadConfig");
        assert!(message.contains(said), "{message}");
    }
}
