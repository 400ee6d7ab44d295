//! Good samples, which succeed in any order and twice; bad payloads and bad deployments, which are refused by name.

use serde_json::{Value, json};
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

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_could_not_hold_is_refused_in_the_words_of_whoever_asks() {
    let world = World::new().await;
    let router = world.router().await;
    let silence = |field: &str, value: Value| {
        let mut silence = json!({"matchers": {"kind": "drill"}, "until": "2099-01-01T00:00:00Z", "author": "ana",
                                 "reason": "new disks"});
        silence[field] = value;
        json!({ "silence": silence })
    };
    let year = "expected an instant as 2026-03-01T06:00:00Z, of the years 1 to 9999";
    for (payload, parts) in [
        (silence("reason", json!("a\0b")), ["silence.reason: holds the control character U+0000", ""]),
        (silence("matchers", json!({"kind": "a\0"})), ["silence.matchers.kind: ", "U+0000"]),
        (silence("matchers", json!({"kind": "a".repeat(501)})), ["silence.matchers.kind: ", "501 characters"]),
        (silence("matchers", json!({"kind": vec!["a"; 201]})), ["silence.matchers.kind: 201 texts are too many", ""]),
        (
            silence("matchers", json!({"labels": {" ": "a"}})),
            ["silence.matchers.labels", "the name of a label is empty"],
        ),
        (silence("matchers", json!({"labels": {"a\0": "a"}})), ["silence.matchers.labels", "U+0000"]),
        (
            silence("matchers", json!([["HIGH"], "a", "b", "c", {}])),
            ["silence.matchers: expected fields in braces", ""],
        ),
        (silence("recurring", json!(["0 2 * * *", "1h", "UTC"])), ["silence.recurring: expected fields in braces", ""]),
        (silence("from", json!("-009000-01-01T00:00:00Z")), ["silence.from: ", year]),
        (json!({"tick": "retry", "now": "0000-01-01T00:00:00Z"}), ["now: ", year]),
        (json!({"replay": {"since": "-000001-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}}), ["since: ", year]),
        (json!({"query": {"since": "-009999-01-01T00:00:00Z"}}), ["query.since: ", year]),
        (json!({"query": {"limit": 1.5}}), ["query.limit: expected a whole number, not 1.5", ""]),
        (json!({"query": [null, null, 5]}), ["query: expected fields in braces, not a list", ""]),
        (
            json!({"acknowledge": {"alert_id": "disk", "by": "ana"}}),
            ["acknowledge.alert_id: expected an alert's id", ""],
        ),
        (json!({"explain": "a\0"}), ["explain: ", "U+0000"]),
        (json!({"quarantined": ["w\0"]}), ["quarantined[0]: ", "U+0000"]),
        (json!({"Records": [["m", "r", "b"]]}), ["Records[0]: expected fields in braces, not a list", ""]),
    ] {
        let (error_type, message) = failed(router.invoke(&payload).await.expect("a process"));
        assert_eq!(error_type, "BadPayload", "{payload}: {message}");
        assert!(parts.iter().all(|part| message.contains(part)), "{payload}: {message}");
    }
}
