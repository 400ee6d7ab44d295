//! The synthetic alert: it goes the whole way, is missed when it does not, and bothers nobody. And what else the router
//! says of itself.

use serde_json::{Value, json};
use testkit::receivers::Behaviour;
use testkit::runtime_api::Sandbox;

use crate::messages::{native, one};
use crate::world::{World, accepts, retry};

/// Every value that was logged for CloudWatch under a name, with the reason where it has one, in order.
fn logged(router: &Sandbox, name: &str) -> Vec<String> {
    let output = router.output();
    let documents = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let documents = documents.filter(|document| document["_aws"].is_object() && document.get(name).is_some());
    let reason = |document: &Value| document["Reason"].as_str().map(|reason| format!("{reason}=")).unwrap_or_default();
    documents.map(|document| format!("{}{}", reason(&document), document[name])).collect()
}

async fn synthetic(router: &Sandbox, now: &str) {
    let tick = json!({"tick": "synthetic", "now": now});
    let outcome = router.invoke(&tick).await.expect("a process");
    outcome.answered().unwrap_or_else(|error| panic!("{error:#}\n{}", router.output()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_synthetic_alert_goes_the_whole_way_bothers_nobody_and_ends_by_itself() {
    let world = World::new().await;
    let router = world.router().await;
    // As a schedule does that fires twice.
    for now in ["2026-03-01T06:00:01Z", "2026-03-01T06:00:02Z"] {
        synthetic(&router, now).await;
        let message = world.next_message().await;
        accepts(&router, json!({"Records": [message]})).await;
    }
    assert_eq!(logged(&router, "SyntheticDelivered"), ["1.0"]);
    assert_eq!(logged(&router, "SyntheticSeconds").len(), 1);
    assert!(logged(&router, "SignalsReceived").is_empty(), "it is no traffic");
    assert!(world.incidents().is_empty() && world.mails().await.is_empty() && world.receivers.received().is_empty());

    let asked = router.invoke(&json!({"query": {}})).await.expect("a process").answered().expect("an answer");
    assert_eq!(asked["alerts"], json!([]), "whoever asks for alerts does not mean this one");

    synthetic(&router, "2026-03-01T06:05:00Z").await;
    accepts(&router, json!({"Records": [world.next_message().await]})).await;
    assert_eq!(logged(&router, "SyntheticDelivered").len(), 2, "it is no repeat of the last one");
    retry(&router, Some(&world.in_minutes(61).await)).await;
    let alerts = world.column("select concat_ws(' ', kind, status, close_reason) from watchkeeper.alerts").await;
    assert_eq!(alerts, ["synthetic resolved expired", "synthetic resolved expired"]);
    assert!(world.incidents().is_empty() && world.mails().await.is_empty() && world.receivers.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_sends_nothing() {
    let world = World::new().await;
    let router = world.router().await;
    let outcome = router.invoke(&json!({"tick": "synthetic", "dry_run": true})).await.expect("a process");
    assert_eq!(outcome.answered().expect("a summary")["dry_run"], true);
    assert_eq!(world.queued().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_in_is_suppressed_sent_and_fails_is_counted() {
    let world = World::new().await;
    let router = world.router().await;
    accepts(&router, one(&native("disk", "firing", "CRITICAL", "06:00:00"))).await;
    accepts(&router, one(&native("disk", "firing", "CRITICAL", "06:01:00"))).await;
    assert_eq!(logged(&router, "SignalsReceived"), ["1.0", "1.0"]);
    assert_eq!(logged(&router, "CriticalAlerts"), ["1.0"], "nothing is said of nothing: it would cost");
    assert_eq!(logged(&router, "SignalsSuppressed"), ["duplicate=1.0"]);
    let sent = logged(&router, "DeliveriesSent").len();
    assert_eq!(sent, 2, "on-call and mail");
    assert_eq!(
        logged(&router, "SecondsToDelivery").len(),
        sent,
        "one value each, so that CloudWatch knows the slowest"
    );

    world.receivers.behave(Behaviour::answer("pagerduty", 503).times(1));
    accepts(&router, one(&native("cpu", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!(logged(&router, "DeliveriesRetried"), ["1.0"]);
    retry(&router, None).await;
    assert_eq!(logged(&router, "UnacknowledgedAlerts"), ["2.0"]);
    world.receivers.behave(Behaviour::answer("pagerduty", 403).times(9));
    accepts(&router, one(&native("ram", "firing", "HIGH", "06:00:00"))).await;
    retry(&router, None).await;
    assert_eq!(logged(&router, "DeliveriesFailed").first().map(String::as_str), Some("1.0"));
    assert_eq!(logged(&router, "UnhealthyReceivers"), ["1.0"]);
}
