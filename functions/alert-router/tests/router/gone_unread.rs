//! Messages that the queue will not give much longer are put away unread, so that neither a lack of time nor one that kills
//! its reader brings a sound one among the dead letters; the record takes them up when there is time.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::binaries::workspace;
use testkit::proxy::Fault;
use testkit::receivers::Behaviour;
use testkit::runtime_api::{Options, Outcome};

use crate::messages::{batch, native, record};
use crate::world::{HeldMessage, World, accepts, retry};

const HASTE: &[(&str, &str)] = &[("FAILPOINT_HASTE", "1")];
const DEADLY: &[(&str, &str)] = &[("FAILPOINT_ABORT_ON", "deadly")];

/// The last receive but one.
const NEXT_TO_LAST: usize = 4;

fn came_again(subject: &str, severity: &str, receives: usize) -> Value {
    record(&native(subject, "firing", severity, "06:00:00"), receives)
}

fn held_unread(subject: &str, sent_at: &str) -> HeldMessage {
    let attributes = [("message_id", subject), ("sent_at", sent_at)];
    HeldMessage {
        body: native(subject, "firing", "LOW", "06:00:00"),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    }
}

fn short() -> Options {
    Options { timeout: Duration::from_secs(8), ..Options::default() }
}

async fn subjects(world: &World) -> Vec<String> {
    world.column("select subject from watchkeeper.signals order by subject").await
}

#[test]
fn the_queue_gives_a_message_five_times() {
    let template = std::fs::read_to_string(workspace().join("template.yaml")).expect("the template");
    let queue =
        template.split("  AlertsQueue:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("the queue");
    assert!(queue.ends_with("maxReceiveCount: 5"), "{queue}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_kills_its_reader_brings_none_among_the_dead_letters() {
    let world = World::new().await;
    world.proxy.behave(Fault::Refuse);
    let router = world.router_with(DEADLY, Options::default()).await;
    let subjects = ["a", "deadly", "b"].map(|subject| came_again(subject, "LOW", NEXT_TO_LAST));
    router.invoke(&batch(subjects)).await.expect("a process");
    let held = world.held_messages().await;
    assert_eq!(held.len(), 3, "{}", router.output());
    assert!(held.iter().all(|held| !held.attributes.contains_key("told")), "nobody can know who was told");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_wait_is_told_all_the_same_and_once_more_by_the_record() {
    let world = World::new().await;
    world.proxy.behave(Fault::Refuse);
    let router = world.router_with(HASTE, Options::default()).await;
    accepts(&router, batch([came_again("disk", "CRITICAL", NEXT_TO_LAST)])).await;
    assert_eq!((world.incidents(), world.mails().await.len()), (vec!["CRITICAL open 1".to_owned()], 1));
    assert_eq!(world.held().await, 1);
    world.proxy.behave(Fault::None);
    retry(&world.router().await, None).await;
    assert_eq!((world.decisions().await, world.held().await), (vec!["opened".to_owned()], 0));
    assert_eq!((world.incidents(), world.mails().await.len()), (vec!["CRITICAL open 2".to_owned()], 1), "one incident");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_begun_in_time_waits_for_the_record_rather_than_for_its_last_receive() {
    let world = World::new().await;
    let router = world.router_with(&[], short()).await;
    accepts(&router, batch([came_again("warm", "LOW", 1)])).await;
    world.proxy.behave(Fault::Delay(Duration::from_millis(10)));
    // Each is a few exchanges: however fast the machine is, not all are begun in time.
    let messages = (0..400).map(|n| came_again(&format!("disk-{n:03}"), "LOW", NEXT_TO_LAST));
    accepts(&router, batch(messages)).await;
    let (recorded, held) = (subjects(&world).await.len(), world.held().await);
    assert!(held > 0, "{recorded} on record, {held} held\n{}", router.output());
    assert_eq!(recorded + held, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_came_before_are_told_in_time_though_a_receiver_is_slow() {
    let world = World::new().await;
    world.proxy.behave(Fault::Refuse);
    world.receivers.behave(Behaviour::late("pagerduty", Duration::from_millis(400)));
    let options = Options { timeout: Duration::from_secs(15), ..Options::default() };
    let router = world.router_with(HASTE, options).await;
    let messages = (0..48).map(|n| came_again(&format!("disk-{n:02}"), "CRITICAL", 2));
    accepts(&router, batch(messages)).await;
    assert_eq!((world.incidents().len(), world.held().await), (48, 48), "{}", router.output());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_message_that_killed_its_reader_comes_after_all_others() {
    let world = World::new().await;
    world.hold(&[held_unread("deadly", "2026-03-01T05:00:00Z"), held_unread("sound", "2026-03-01T06:00:00Z")]).await;
    world.rows("insert into watchkeeper.suspects (message_id, noted_at) values ('deadly', now())").await;
    let router = world.router_with(DEADLY, Options::default()).await;
    let outcome = router.invoke(&json!({"tick": "retry"})).await.expect("a process");
    assert!(matches!(outcome, Outcome::Died { .. }), "{outcome}");
    assert_eq!(subjects(&world).await, ["sound"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_message_that_killed_its_reader_is_tried_ever_more_rarely_and_named() {
    let world = World::new().await;
    world.hold(&[held_unread("deadly", "2026-03-01T05:00:00Z")]).await;
    world.rows("insert into watchkeeper.suspects (message_id, noted_at) values ('deadly', now())").await;
    for _ in 0..2 {
        assert_eq!(world.held_messages().await.len(), 1, "each look is a receive");
    }
    let summary = retry(&world.router_with(DEADLY, Options::default()).await, None).await;
    assert!(summary["failed"].to_string().contains("deadly"), "it is named: {summary}");
    assert_eq!(world.held().await, 1);
}
