//! What jobs tell, by invocation and by message.

use serde_json::{Value, json};

use crate::world::{NIGHTLY, World, answer, at, evaluate, ping, refusal};

fn message(id: &str, sent: &str, body: &Value) -> Value {
    let at: jiff::Timestamp = sent.parse().expect("an instant");
    json!({
        "messageId": id, "receiptHandle": "r", "body": body.to_string(),
        "attributes": { "SentTimestamp": at.as_millisecond().to_string(), "ApproximateReceiveCount": "1" },
    })
}

fn told(signal: &str) -> Value {
    json!({ "ping": { "heartbeat": "nightly", "signal": signal } })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_raised_at_once_with_what_the_job_said() {
    let world = World::new().await;
    let deadman = world.watching(NIGHTLY).await;
    evaluate(&deadman, "00:00").await;
    let said = "no space left on device\u{0}".to_owned() + &"x".repeat(20_000);
    let failed = json!({ "ping": { "heartbeat": "nightly", "exit_status": 3, "body": said }, "now": at("00:10") });
    assert_eq!(answer(&deadman, failed).await["heartbeat"]["status"], "down");
    let raised = world.raised().await;
    let summary = raised[0]["summary"].as_str().expect("a summary");
    assert!(summary.starts_with("nightly failed at 00:10Z: exit status 3: no space left on device"), "{summary}");
    assert!(summary.chars().count() < 500, "{summary}");
    let kept = world.stored("select length(body)::text || ' ' || exit_status from watchkeeper.heartbeat_pings").await;
    assert_eq!(kept, ["10000 3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_count_from_when_they_were_sent_and_once() {
    let world = World::new().await;
    let deadman = world.watching(NIGHTLY).await;
    answer(&deadman, json!({})).await;
    // Loading was a moment ago: a message from the future counts as of now, one from before as of then.
    let batch = json!({ "Records": [message("m1", "2100-01-01T00:00:00Z", &told("success"))] });
    assert_eq!(answer(&deadman, batch.clone()).await, json!({ "batchItemFailures": [] }));
    assert_eq!(answer(&deadman, batch).await, json!({ "batchItemFailures": [] }));
    let kept = "select count(*)::text || ' ' || bool_and(received_at <= now()) from watchkeeper.heartbeat_pings";
    assert_eq!(world.stored(kept).await, ["1 true"]);
    assert_eq!(world.transitions().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_takes_no_other_along() {
    let world = World::new().await;
    let deadman = world.watching(NIGHTLY).await;
    evaluate(&deadman, "00:00").await;
    let sent = "2026-11-22T00:30:00Z";
    let unknown = json!({ "ping": { "heartbeat": "nigthly", "signal": "success" } });
    let batch = json!({ "Records": [
        message("bad", sent, &json!("text")),
        message("unknown", sent, &unknown),
        message("good", sent, &told("success")),
    ] });
    let failures = json!([{ "itemIdentifier": "bad" }, { "itemIdentifier": "unknown" }]);
    assert_eq!(answer(&deadman, batch).await, json!({ "batchItemFailures": failures }));
    assert_eq!(world.transitions().await.first().map(String::as_str), Some("nightly new>up 00:30"));
    let none = json!({ "Records": [message("unknown", sent, &unknown)] });
    let (kind, said) = refusal(&deadman, none).await;
    assert_eq!(kind, "BadPayload");
    assert!(said.contains("there is no heartbeat `nigthly` (did you mean `nightly`?)"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn overlapping_runs_have_a_clock_each() {
    let world = World::new().await;
    let deadman = world.watching(&format!("{NIGHTLY}max_runtime = '30m'\n")).await;
    evaluate(&deadman, "00:00").await;
    for (run, time) in [("a", "00:10"), ("b", "00:25")] {
        let start = json!({ "ping": { "heartbeat": "nightly", "signal": "start", "run_id": run }, "now": at(time) });
        answer(&deadman, start).await;
    }
    evaluate(&deadman, "00:41").await;
    let raised = world.raised().await;
    assert!(raised[0]["summary"].as_str().is_some_and(|said| said.contains("run a began at 00:10Z")), "{raised:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_a_pause_until_somebody_ends_it() {
    let world = World::new().await;
    let deadman = world.watching(NIGHTLY).await;
    evaluate(&deadman, "00:00").await;
    let paused = answer(&deadman, json!({ "pause": "nightly", "now": at("00:05") })).await;
    assert_eq!(paused["heartbeat"]["status"], "paused");
    let again = answer(&deadman, json!({ "pause": "nightly", "now": at("00:06") })).await;
    assert_eq!(again["skipped"][0]["reason"], "it is paused already");
    evaluate(&deadman, "09:00").await;
    assert!(world.raised().await.is_empty());
    let resumed = answer(&deadman, json!({ "resume": "nightly", "now": at("09:30") })).await;
    assert_eq!(
        (&resumed["heartbeat"]["status"], &resumed["heartbeat"]["deadline_at"]),
        (&json!("new"), &json!(at("10:40")))
    );
    let again = answer(&deadman, json!({ "resume": "nightly", "now": at("09:31") })).await;
    assert_eq!(again["skipped"][0]["reason"], "it is not paused");
    ping(&deadman, "success", "09:45").await;
    assert_eq!(world.transitions().await.last().map(String::as_str), Some("nightly new>up 09:45"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_by_its_field() {
    let world = World::new().await;
    let deadman = world.watching(&format!("{NIGHTLY}{}", crate::world::LEDGER)).await;
    for (payload, said) in [
        (json!({ "ping": { "heartbeat": "nigthly", "signal": "start" } }), "did you mean `nightly`?"),
        (
            json!({ "ping": { "heartbeat": "checks", "signal": "start" } }),
            "checks is looked for elsewhere and takes no pings",
        ),
        (json!({ "pause": "nigthly" }), "pause: there is no heartbeat `nigthly`"),
        (json!({ "ping": { "heartbeat": "nightly", "exit_status": 256 } }), "256 is no exit status"),
    ] {
        let (kind, message) = refusal(&deadman, payload).await;
        assert_eq!(kind, "BadPayload");
        assert!(message.contains(said), "{message}");
    }
}
