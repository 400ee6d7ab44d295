//! Messages that cannot be read, that panic, that the store refuses, that kill: none takes another along.

use serde_json::{Value, json};
use testkit::runtime_api::{Options, Outcome};

use crate::messages::{again, batch, native, record};
use crate::world::{World, accepts};

fn harmless(subject: &str) -> Value {
    record(&native(subject, "firing", "LOW", "06:00:00"), 1)
}

async fn subjects(world: &World) -> Vec<String> {
    world.column("select subject from watchkeeper.signals order by subject").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_read_is_recorded_and_one_notice_tells_of_it() {
    let world = World::new().await;
    let router = world.router().await;
    let odd = ["{not json", "", "[1, 2]", "\u{fffe}\u{1f6a8}", "null", "{\"kind\": 1, \"subject\": 2, \"status\": 3}"];
    let nine = (0..9).map(|n| harmless(&format!("disk-{n}")));
    accepts(&router, batch(nine.chain(odd.iter().map(|body| record(body, 1))))).await;
    assert_eq!(world.column("select count(*) from watchkeeper.signals where kind = 'drill'").await, ["9"]);
    let kept =
        world.column("select body from watchkeeper.signals where kind = 'unparsed' order by body collate \"C\"").await;
    let mut sent = odd.map(str::to_owned);
    sent.sort();
    assert_eq!(kept, sent, "as received");
    let notices =
        "select count(*) from watchkeeper.deliveries join watchkeeper.alerts using (alert_id) where kind = 'unparsed'";
    assert_eq!(world.column(notices).await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_panics_its_reader_is_the_only_one_given_back() {
    let world = World::new().await;
    let router = world.router_with(&[("FAILPOINT_PANIC_ON", "boom")], Options::default()).await;
    let boom = harmless("boom");
    let outcome = router.invoke(&batch([harmless("a"), boom.clone(), harmless("b")])).await.expect("a process");
    let named = json!({"batchItemFailures": [{"itemIdentifier": boom["messageId"]}]});
    assert_eq!(outcome, Outcome::Answered(named));
    assert_eq!(subjects(&world).await, ["a", "b"]);
    let alone = router.invoke(&batch([again(&boom, 2)])).await.expect("a process");
    assert!(matches!(alone, Outcome::Failed { .. }), "when nothing was recorded the Errors metric moves: {alone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_the_store_refuses_is_the_only_one_given_back() {
    let world = World::new().await;
    world.rows("alter table watchkeeper.signals add constraint picky check (subject <> 'refused')").await;
    let router = world.router().await;
    let refused = harmless("refused");
    let outcome = router.invoke(&batch([harmless("a"), refused.clone(), harmless("b")])).await.expect("a process");
    let named = json!({"batchItemFailures": [{"itemIdentifier": refused["messageId"]}]});
    assert_eq!(outcome, Outcome::Answered(named), "{}", router.output());
    assert_eq!(subjects(&world).await, ["a", "b"]);
    assert_eq!(world.receivers.received_by("webhook").len(), 2, "and people are told of the others");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_kills_its_reader_takes_no_other_along() {
    let world = World::new().await;
    let router = world.router_with(&[("FAILPOINT_ABORT_ON", "deadly")], Options::default()).await;
    let messages = [harmless("a"), harmless("deadly"), harmless("b"), harmless("c")];
    let mut recorded_after = Vec::new();
    for receive in 1..=5 {
        // The queue gives again what was not deleted.
        let on_record = subjects(&world).await;
        let left = messages.iter().filter(|message| {
            let body: Value = serde_json::from_str(message["body"].as_str().expect("a body")).expect("JSON");
            !on_record.iter().any(|subject| body["subject"] == json!(subject))
        });
        let outcome = router.invoke(&batch(left.map(|message| again(message, receive)))).await.expect("a process");
        assert!(matches!(outcome, Outcome::Died { .. }), "receive {receive}: {outcome}");
        recorded_after.push(subjects(&world).await.len());
    }
    assert_eq!(recorded_after, [0, 1, 3, 3, 3], "the second time one at a time, the third time the suspect last");
    let suspects = world.column("select message_id from watchkeeper.suspects").await;
    assert_eq!(json!(suspects), json!([messages[1]["messageId"]]), "the innocent are cleared");
}
