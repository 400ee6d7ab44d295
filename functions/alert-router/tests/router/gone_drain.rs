//! Postgres is back: what was held is on record under its own ids, only who was not told is told, and nothing is lost or
//! doubled wherever it is interrupted.

use serde_json::{Value, json};
use testkit::proxy::Fault;
use testkit::receivers::Behaviour;
use testkit::runtime_api::{Options, Outcome};

use crate::calm::router_with;
use crate::messages::{batch, native, one, record};
use crate::world::{World, accepts, retry};

const HASTE: &[(&str, &str)] = &[("FAILPOINT_HASTE", "1")];

fn signal(subject: &str, status: &str, severity: &str, at: &str) -> Value {
    record(&native(subject, status, severity, at), 1)
}

/// Handles messages while Postgres lets nobody in, in a sandbox that ends with it.
async fn while_gone(world: &World, messages: impl IntoIterator<Item = Value>) {
    world.proxy.behave(Fault::Refuse);
    let router = world.router_with(HASTE, Options::default()).await;
    for message in messages {
        accepts(&router, batch([message])).await;
    }
    world.proxy.behave(Fault::None);
}

const DELIVERIES: &str = "select receiver, notice, deliveries.status, outcome, provider_id is not null
    from watchkeeper.deliveries left join watchkeeper.delivery_attempts using (delivery_id)
    order by position, attempted_at";

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_on_record_and_everybody_was_told_once() {
    let world = World::new().await;
    let firing = (0..3).map(|second| signal("disk", "firing", "CRITICAL", &format!("06:00:0{second}")));
    let messages: Vec<Value> = firing.chain([signal("lag", "firing", "LOW", "06:00:00")]).collect();
    let ids: Vec<Value> = messages.iter().map(|message| message["messageId"].clone()).collect();
    while_gone(&world, messages).await;
    assert_eq!((world.held().await, world.mails().await.len()), (4, 1));

    let router = world.router().await;
    let summary = retry(&router, None).await;
    assert_eq!(summary["did"]["held_recorded"], json!(4), "{summary}");
    assert_eq!(world.held().await, 0);
    let recorded = world.column("select idempotency_key from watchkeeper.signals").await;
    assert_eq!(recorded.len(), 4);
    assert!(ids.iter().all(|id| recorded.iter().any(|key| id == key)), "under the ids under which they first came");
    let mut decided = world.decisions().await;
    decided.sort();
    assert_eq!(decided, ["opened", "opened", "suppressed/duplicate", "suppressed/duplicate"]);
    assert_eq!(world.incidents(), ["CRITICAL open 1"], "no trigger was sent again");
    assert_eq!(world.mails().await.len(), 0, "no mail either");
    assert_eq!(world.receivers.received_by("webhook").len(), 1, "LOW is told now");
    let of_disk = world.rows(DELIVERIES).await.into_iter().filter(|row| row[0] != "hook");
    let of_disk: Vec<String> = of_disk.map(|row| row.join(" ")).collect();
    assert_eq!(of_disk, ["on-call firing sent accepted t", "mail firing sent accepted t"], "{:?}", router.output());

    accepts(&router, one(&native("disk", "resolved", "CRITICAL", "07:00:00"))).await;
    assert_eq!(world.incidents(), ["CRITICAL resolved 1"]);
    let mails = world.mails().await;
    assert!(
        matches!(&mails[..], [title] if title.contains("RESOLVED")),
        "those who were told are told the end: {mails:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_alert_is_called_as_it_was_when_people_were_told() {
    let world = World::new().await;
    while_gone(&world, [signal("disk", "firing", "CRITICAL", "06:00:00")]).await;
    let told = world.receivers.received_by("pagerduty").remove(0).body;
    retry(&world.router().await, None).await;
    let alert = world.column("select alert_id from watchkeeper.alerts").await.remove(0);
    assert!(told.contains(&alert), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_could_not_be_told_is_told_by_the_record() {
    let world = World::new().await;
    world.receivers.behave(Behaviour::answer("pagerduty", 503));
    while_gone(&world, [signal("disk", "firing", "CRITICAL", "06:00:00")]).await;
    assert_eq!(world.incidents(), Vec::<String>::new());
    world.receivers.behave_normally();
    retry(&world.router().await, None).await;
    assert_eq!((world.incidents(), world.mails().await.len()), (vec!["CRITICAL open 1".to_owned()], 1));
    let attempts = "select outcome from watchkeeper.delivery_attempts join watchkeeper.deliveries using (delivery_id)
                    where receiver = 'on-call' order by attempted_at";
    assert_eq!(world.column(attempts).await, ["transient", "accepted"], "what was tried meanwhile is on record");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_that_began_and_ended_meanwhile_leaves_nobody_in_the_dark() {
    let world = World::new().await;
    let story = [("firing", "06:00:00"), ("resolved", "06:10:00")];
    while_gone(&world, story.map(|(status, at)| signal("disk", status, "CRITICAL", at))).await;
    assert_eq!((world.incidents(), world.mails().await.len()), (vec!["CRITICAL resolved 1".to_owned()], 1));
    retry(&world.router().await, None).await;
    let mails = world.mails().await;
    assert!(matches!(&mails[..], [title] if title.contains("RESOLVED") && !title.contains("fired and")), "{mails:?}");
    assert_eq!(world.incidents(), ["CRITICAL resolved 1"]);
    assert_eq!(world.column("select status from watchkeeper.alerts").await, ["resolved"]);
    let unfinished = "select count(*) from watchkeeper.deliveries where status <> 'sent'";
    assert_eq!(world.column(unfinished).await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_reached_the_record_before_its_beginning_is_told_to_those_who_heard_of_the_beginning() {
    let world = World::new().await;
    while_gone(&world, [signal("disk", "firing", "CRITICAL", "06:00:00")]).await;
    assert_eq!(world.mails().await.len(), 1);
    // A sandbox that never noticed anything.
    let router = world.router().await;
    accepts(&router, one(&native("disk", "resolved", "CRITICAL", "06:10:00"))).await;
    assert_eq!(world.mails().await.len(), 0);
    retry(&router, None).await;
    let mails = world.mails().await;
    assert!(matches!(&mails[..], [title] if title.contains("RESOLVED")), "{mails:?}");
    assert_eq!(world.incidents(), ["CRITICAL resolved 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_that_was_open_before_rises_meanwhile_and_its_lower_key_is_closed_afterwards() {
    let world = World::new().await;
    accepts(&world.router().await, batch([signal("disk", "firing", "HIGH", "06:00:00")])).await;
    while_gone(&world, [signal("disk", "firing", "CRITICAL", "06:01:00")]).await;
    assert_eq!(world.incidents(), ["HIGH open 1", "CRITICAL open 1"]);
    retry(&world.router().await, None).await;
    assert_eq!(world.incidents(), ["HIGH resolved 1", "CRITICAL open 1"]);
    assert_eq!(world.mails().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_keeps_the_key_under_which_it_was_told() {
    let world = World::new().await;
    while_gone(&world, [signal("disk", "event", "CRITICAL", "06:00:00")]).await;
    let told = world.receivers.incidents()[0].dedup_key.clone();
    retry(&world.router().await, None).await;
    let keys = world.column("select distinct dedup_key from watchkeeper.deliveries").await;
    assert_eq!((keys, world.incidents()), (vec![told], vec!["CRITICAL open 1".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_invocation_that_finds_postgres_again_records_what_is_held_before_its_own_batch() {
    let world = World::new().await;
    let router = world.router_with(HASTE, Options::default()).await;
    world.proxy.behave(Fault::Refuse);
    accepts(&router, batch([signal("disk", "firing", "CRITICAL", "06:00:00")])).await;
    world.proxy.behave(Fault::None);
    accepts(&router, batch([signal("disk", "resolved", "CRITICAL", "06:10:00")])).await;
    assert_eq!((world.decisions().await, world.held().await), (vec!["opened".to_owned(), "resolved".to_owned()], 0));
    assert_eq!(world.incidents(), ["CRITICAL resolved 1"]);
    assert_eq!(world.mails().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_committed_unheard_is_told_once() {
    let world = World::new().await;
    world.proxy.behave(Fault::CutAt { statement: "commit", arrives: true });
    accepts(&world.router().await, batch([signal("disk", "firing", "CRITICAL", "06:00:00")])).await;
    world.proxy.behave(Fault::None);
    assert_eq!((world.held().await, world.mails().await.len()), (1, 1));
    retry(&world.router().await, None).await;
    assert_eq!((world.incidents(), world.mails().await.len()), (vec!["CRITICAL open 1".to_owned()], 0));
    assert_eq!(world.column("select distinct status from watchkeeper.deliveries").await, ["sent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_message_comes_through_with_its_note() {
    let world = World::new().await;
    let body = native("disk", "firing", "CRITICAL", "06:00:00");
    let padded = format!("{body}{}", " ".repeat(786_432 - body.len()));
    while_gone(&world, [record(&padded, 1), record(&padded, 1)]).await;
    assert_eq!(world.held().await, 2);
    retry(&world.router().await, None).await;
    assert_eq!(world.column("select distinct length(body) from watchkeeper.signals").await, ["786432"]);
    assert_eq!((world.incidents(), world.mails().await.len()), (vec!["CRITICAL open 1".to_owned()], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_drain_at_once_share_the_work() {
    let world = World::new().await;
    let messages = (0..24).map(|n| signal(&format!("disk-{n}"), "firing", ["CRITICAL", "LOW"][n % 2], "06:00:00"));
    while_gone(&world, messages).await;
    let (one, other) = (world.router().await, world.router().await);
    let (first, second) = tokio::join!(retry(&one, None), retry(&other, None));
    let drained = |summary: &Value| summary["did"]["held_recorded"].as_u64().expect("a count");
    assert_eq!(drained(&first) + drained(&second), 24, "{first} {second}");
    assert_eq!((world.held().await, world.decisions().await), (0, vec!["opened".to_owned(); 24]));
    assert_eq!((world.incidents(), world.mails().await.len()), (vec!["CRITICAL open 1".to_owned(); 12], 12));
    assert_eq!(world.receivers.received_by("webhook").len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_message_that_cannot_be_recorded_is_named_and_stays() {
    let world = World::new().await;
    while_gone(&world, ["refused", "a"].map(|subject| signal(subject, "firing", "LOW", "06:00:00"))).await;
    world.rows("alter table watchkeeper.signals add constraint picky check (subject <> 'refused')").await;
    let summary = retry(&world.router().await, None).await;
    assert_eq!(summary["did"]["held_recorded"], json!(1), "{summary}");
    assert!(summary["failed"].to_string().contains("picky"), "{summary}");
    assert_eq!(world.held().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_a_drain_is_interrupted_nothing_is_lost_or_doubled() {
    let world = World::new().await;
    let story = |subject: &str| {
        vec![signal(subject, "firing", "CRITICAL", "06:00:00"), signal(subject, "firing", "CRITICAL", "06:01:00")]
    };
    while_gone(&world, story("traced")).await;
    let log = tempfile::NamedTempFile::new().expect("a file");
    let log_path = log.path().to_str().expect("a path");
    retry(&world.router_with(&[("FAILPOINT_LOG", log_path)], Options::default()).await, None).await;
    let points = std::fs::read_to_string(log_path).expect("the log").lines().count();
    assert!(points > 10, "{points} points");
    world.mails().await;
    for at in 1..=points {
        let subject = format!("crash-{at}");
        while_gone(&world, story(&subject)).await;
        let told = (world.incidents().len(), world.mails().await.len());
        let held = world.held_messages().await;
        let doomed = world.router_with(&[("FAILPOINT_ABORT_AT", &at.to_string())], Options::default()).await;
        let outcome = doomed.invoke(&json!({"tick": "retry"})).await.expect("a process");
        assert!(matches!(outcome, Outcome::Died { .. } | Outcome::Answered(_)), "point {at}: {outcome}");
        // What it had taken comes again, be it recorded or not.
        world.hold(&held).await;
        retry(&world.router().await, None).await;
        let decided = "select concat_ws('/', decision, reason) from watchkeeper.signals where subject = 'SUBJECT'
                       order by occurred_at";
        let decided = world.column(&decided.replace("SUBJECT", &subject)).await;
        assert_eq!(decided, ["opened", "suppressed/duplicate"], "point {at}");
        assert_eq!(
            (world.incidents().len(), world.mails().await.len()),
            (told.0, 0),
            "point {at}: nobody hears it again"
        );
        assert_eq!(told.1, 1, "point {at}");
    }
    assert!(world.incidents().iter().all(|incident| incident == "CRITICAL open 1"), "{:?}", world.incidents());
    println!("killed at {points} points of a drain: 0 lost, 0 repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_told_meanwhile_does_not_wait_for_the_others_of_its_group() {
    let world = World::new().await;
    let group = "[routes]\ndefault = [\"hook\"]\n[[routes.route]]\nwhen = { severity = \"HIGH\" }\nto = [\"mail\"]\n\
                 group_by = [\"kind\"]\ngroup_wait = \"5m\"\n";
    let (_file, router) = router_with(&world, group).await;
    world.proxy.behave(Fault::Refuse);
    accepts(&router, one(&native("one", "firing", "HIGH", "06:00:00"))).await;
    world.proxy.behave(Fault::None);
    let (_file, router) = router_with(&world, group).await;
    retry(&router, None).await;
    accepts(&router, one(&native("two", "firing", "HIGH", "06:01:00"))).await;
    assert_eq!(world.held().await, 0, "the record takes it");
    assert_eq!(world.decisions().await, ["opened", "opened"], "nobody is left whom it could be told with");
}
