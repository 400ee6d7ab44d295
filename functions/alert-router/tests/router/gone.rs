//! Postgres is gone: who must not wait is told within the invocation, and every message waits with a note of who was told.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::proxy::Fault;
use testkit::receivers::Behaviour;
use testkit::runtime_api::{Options, Outcome, Sandbox};

use crate::messages::{Alarm, again, batch, native, one, record};
use crate::world::{World, accepts};

/// No pauses between tries, and the store is asked again at once.
const HASTE: &[(&str, &str)] = &[("FAILPOINT_HASTE", "1")];

/// A world whose Postgres lets nobody in, and a router in it.
async fn without_postgres() -> (World, Sandbox) {
    let world = World::new().await;
    world.proxy.behave(Fault::Refuse);
    let router = world.router_with(HASTE, Options::default()).await;
    (world, router)
}

fn critical(status: &str, at: &str) -> String {
    native("disk", status, "CRITICAL", at)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_critical_alarm_pages_within_the_invocation_and_its_message_waits_unchanged() {
    let (world, router) = without_postgres().await;
    let body = Alarm { metric: "Depth", state: "ALARM", severity: "CRITICAL", at: "06:00:00" }.body();
    let received = world.through_the_queue(&body).await;
    accepts(&router, batch([received.clone()])).await;
    assert_eq!(world.incidents(), ["CRITICAL open 1"]);
    let mails = world.mails().await;
    assert!(matches!(&mails[..], [title] if title.contains("[CRITICAL]")), "{mails:?}");
    assert_eq!((world.queued().await, world.held().await), (0, 1), "it is acknowledged, and waits");

    let held = world.held_messages().await.remove(0);
    assert_eq!(held.body, body);
    let names: Vec<&str> = held.attributes.keys().map(String::as_str).collect();
    assert_eq!(names, ["message_id", "sender", "sent_at", "told"], "and no others");
    assert_eq!(json!(held.attributes["message_id"]), received["messageId"]);
    assert_eq!(held.attributes["sent_at"], "2026-03-01T06:00:00Z");
    assert_eq!(held.told(), ["on-call firing accepted", "mail firing accepted"]);
    let note: Value = serde_json::from_str(&held.attributes["told"]).expect("a list");
    let incident = &world.receivers.incidents()[0];
    assert_eq!(note[0]["dedup_key"], json!(incident.dedup_key), "the key by which PagerDuty knows it");
    assert_eq!((&note[0]["n"], note[0]["fingerprint"].as_str().map(str::len)), (&json!(1), Some(64)));
}

#[tokio::test(flavor = "multi_thread")]
async fn low_and_medium_wait_untold() {
    let (world, router) = without_postgres().await;
    let bodies = ["LOW", "MEDIUM"].map(|severity| native(severity, "firing", severity, "06:00:00"));
    accepts(&router, batch(bodies.iter().map(|body| record(body, 1)))).await;
    assert_eq!(world.held().await, 2);
    assert!(world.receivers.received().is_empty() && world.mails().await.is_empty());
    assert!(world.held_messages().await.iter().all(|held| held.told().is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_sandbox_tells_nobody_the_same_twice_and_every_message_says_who_was_told() {
    let (world, router) = without_postgres().await;
    let repeats = (0..3).map(|second| record(&critical("firing", &format!("06:00:0{second}")), 1));
    accepts(&router, batch(repeats)).await;
    accepts(&router, one(&critical("firing", "06:05:00"))).await;
    assert_eq!(world.incidents(), ["CRITICAL open 1"]);
    assert_eq!(world.mails().await.len(), 1);
    for held in world.held_messages().await {
        assert_eq!(held.told(), ["on-call firing accepted", "mail firing accepted"], "whichever is recorded first");
    }
    let other = world.router_with(HASTE, Options::default()).await;
    accepts(&other, one(&critical("firing", "06:06:00"))).await;
    assert_eq!(world.incidents(), ["CRITICAL open 2"], "another sandbox does not know; PagerDuty does");
    assert_eq!(world.mails().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rise_is_told_and_a_fall_is_not() {
    let (world, router) = without_postgres().await;
    for (severity, at) in [("HIGH", "06:00:00"), ("CRITICAL", "06:01:00"), ("HIGH", "06:02:00")] {
        accepts(&router, one(&native("disk", "firing", severity, at))).await;
    }
    assert_eq!(world.incidents(), ["HIGH open 1", "CRITICAL open 1"]);
    let mails = world.mails().await;
    assert!(matches!(&mails[..], [first, rise] if first.contains("[HIGH]") && rise.contains("raised")), "{mails:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolve_closes_every_key_at_pagerduty_at_once_and_waits_for_the_others() {
    let (world, router) = without_postgres().await;
    accepts(&router, one(&critical("firing", "06:00:00"))).await;
    accepts(&router, one(&critical("resolved", "06:01:00"))).await;
    assert_eq!(world.incidents(), ["CRITICAL resolved 1"]);
    let resolves = world
        .receivers
        .received_by("pagerduty")
        .into_iter()
        .filter(|request| request.json["event_action"] == "resolve");
    let mut severities: Vec<String> = resolves
        .map(|request| {
            request.json["dedup_key"].as_str().expect("a key").split(':').nth(1).expect("its severity").to_owned()
        })
        .collect();
    severities.sort();
    assert_eq!(severities, ["CRITICAL", "HIGH", "LOW", "MEDIUM"]);
    assert_eq!(world.mails().await.len(), 1, "mail hears of the end from the record");

    accepts(&router, one(&critical("firing", "06:02:00"))).await;
    assert_eq!(world.incidents(), ["CRITICAL resolved 1", "CRITICAL open 1"], "and is told anew when it begins again");
    assert_eq!(world.mails().await.len(), 0, "but mail no more than once in an hour");
    accepts(&router, one(&critical("resolved", "06:01:30"))).await;
    assert_eq!(world.incidents()[1], "CRITICAL open 1", "an end that is older than the last beginning ends nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_does_not_answer_at_first_is_tried_again_within_the_invocation() {
    let (world, router) = without_postgres().await;
    world.receivers.behave(Behaviour::answer("pagerduty", 500).times(2));
    accepts(&router, one(&critical("firing", "06:00:00"))).await;
    assert_eq!(world.incidents(), ["CRITICAL open 1"]);
    assert_eq!(world.mails_to_operator().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_receiver_has_its_secret_the_operator_is_told() {
    let world = World::new().await;
    let watch_file = only_on_call();
    world.proxy.behave(Fault::Refuse);
    world.delete_parameter("receivers/pagerduty").await;
    let extra = [HASTE, &[("WATCH_FILE", watch_file.path().to_str().expect("a path"))]].concat();
    let router = world.router_with(&extra, Options::default()).await;
    accepts(&router, one(&critical("firing", "06:00:00"))).await;
    let mails = world.mails_to_operator().await;
    assert!(matches!(&mails[..], [title] if title.contains("[CRITICAL]")), "{mails:?}");
    let held = world.held_messages().await.remove(0);
    assert_eq!(held.told(), ["self firing accepted", "on-call firing transient"]);
    accepts(&router, one(&native("lag", "firing", "LOW", "06:00:00"))).await;
    assert!(world.mails_to_operator().await.is_empty(), "only about what must not wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_refuses_is_no_reason_to_break_the_glass_while_another_hears() {
    let (world, router) = without_postgres().await;
    world.receivers.behave(Behaviour::answer("pagerduty", 400));
    accepts(&router, one(&critical("firing", "06:00:00"))).await;
    assert_eq!((world.mails().await.len(), world.mails_to_operator().await.len()), (1, 0));
    assert_eq!(world.held_messages().await[0].told(), ["mail firing accepted", "on-call firing permanent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_queue_to_hold_it_a_message_stays_where_it_is() {
    let (world, router) = without_postgres().await;
    world.delete_held_queue().await;
    let message = record(&critical("firing", "06:00:00"), 1);
    let outcome = router.invoke(&batch([message.clone()])).await.expect("a process");
    assert!(
        matches!(&outcome, Outcome::Failed { error_type, .. } if error_type == "Failed"),
        "nothing was kept: {outcome}"
    );
    assert_eq!(world.incidents(), ["CRITICAL open 1"], "it pages all the same");
    let outcome = router.invoke(&batch([again(&message, 2)])).await.expect("a process");
    assert!(matches!(&outcome, Outcome::Failed { .. }), "{outcome}");
    assert_eq!((world.incidents(), world.mails().await.len()), (vec!["CRITICAL open 1".to_owned()], 1), "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_panics_its_reader_stays_on_its_queue_and_the_others_wait() {
    let world = World::new().await;
    world.proxy.behave(Fault::Refuse);
    let router = world.router_with(&[("FAILPOINT_PANIC_ON", "boom")], Options::default()).await;
    let boom = record(&native("boom", "firing", "LOW", "06:00:00"), 1);
    let outcome =
        router.invoke(&batch([boom.clone(), record(&critical("firing", "06:00:00"), 1)])).await.expect("a process");
    assert_eq!(outcome, Outcome::Answered(json!({"batchItemFailures": [{"itemIdentifier": boom["messageId"]}]})));
    assert_eq!((world.held().await, world.incidents().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_kills_its_reader_takes_no_other_along() {
    let world = World::new().await;
    world.proxy.behave(Fault::Refuse);
    let router = world.router_with(&[("FAILPOINT_ABORT_ON", "deadly")], Options::default()).await;
    let subjects = ["a", "deadly", "b", "c"];
    let mut left: Vec<Value> = subjects.map(|subject| record(&native(subject, "firing", "LOW", "06:00:00"), 1)).into();
    for receive in 1..=4 {
        let batch_now = batch(left.iter().enumerate().map(|(n, message)| {
            let mut message = again(message, receive);
            // As SQS does it: another handle every time.
            message["receiptHandle"] = json!(format!("handle-{}", (n * 7 + receive * 3) % 5));
            message
        }));
        let outcome = router.invoke(&batch_now).await.expect("a process");
        assert!(matches!(outcome, Outcome::Died { .. }), "receive {receive}: {outcome}");
        let held: Vec<String> = world.held_messages().await.into_iter().map(|held| held.body).collect();
        left.retain(|message| !held.iter().any(|body| message["body"] == json!(body)));
    }
    assert!(left.is_empty(), "even what killed everybody waits for the record: {left:?}");
    let unread = world.held_messages().await.into_iter().filter(|held| !held.attributes.contains_key("told"));
    let unread: Vec<String> = unread.map(|held| held.body).collect();
    assert!(unread.iter().any(|body| body.contains("deadly")) && unread.len() < 4, "{unread:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_and_not_delivered_is_not_held() {
    let (mut postgres, world) = World::with_own_postgres().await;
    let router = world.router().await;
    world.receivers.behave(Behaviour::late("pagerduty", Duration::from_secs(2)).times(1));
    let event = one(&critical("firing", "06:00:00"));
    let (outcome, ()) = tokio::join!(router.invoke(&event), async {
        while world.receivers.received_by("pagerduty").is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        postgres.stop();
    });
    assert_eq!(outcome.expect("a process"), Outcome::Answered(json!({"batchItemFailures": []})));
    assert_eq!(world.held().await, 0, "the record has it, and its deliveries are leased again");
}

/// The local watch file, in which CRITICAL goes to PagerDuty and to nobody else.
fn only_on_call() -> tempfile::NamedTempFile {
    let local = testkit::binaries::workspace().join("config/local.toml");
    let text = std::fs::read_to_string(local).expect("the local watch file");
    let (with_mail, without) = ("to   = [\"on-call\", \"mail\"]", "to   = [\"on-call\"]");
    assert!(text.contains(with_mail), "the route of CRITICAL reads otherwise by now");
    let file = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
    std::fs::write(file.path(), text.replace(with_mail, without)).expect("written");
    file
}
