//! Calm, over the real record: what is muted, grouped and summed up, who is barred, and what is told when a mute ends.

use std::io::Write as _;

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use testkit::runtime_api::{Options, Sandbox};

use crate::messages::{batch, native, one, record};
use crate::world::{World, accepts, retry};

/// A router with the local watch file's receivers and routes, and this besides.
pub(crate) async fn router_with(world: &World, more: &str) -> (NamedTempFile, Sandbox) {
    let local =
        std::fs::read_to_string(testkit::binaries::workspace().join("config/local.toml")).expect("a watch file");
    let at = local.find("# Routes are tried in order").expect("where the routes begin");
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
    write!(file, "{}\n{more}", &local[..at]).expect("written");
    let path = file.path().to_str().expect("a path").to_owned();
    (file, world.router_with(&[("WATCH_FILE", &path)], Options::default()).await)
}

pub(crate) const ROUTES: &str = r#"
[routes]
default = ["hook"]
[[routes.route]]
when = { severity = ["CRITICAL", "HIGH"] }
to = ["on-call", "mail"]
"#;

pub(crate) async fn tick(router: &Sandbox, tick: &str, now: &str) -> Value {
    let outcome = router.invoke(&json!({"tick": tick, "now": now})).await.expect("a process");
    outcome.answered().unwrap_or_else(|error| panic!("{error:#}\n{}", router.output()))
}

async fn silence(world: &World, until: &str) {
    world
        .rows(&format!(
            "insert into watchkeeper.silences (silence_id, matchers, from_at, until_at, author, reason, created_at)
             values (gen_random_uuid(), '{{\"kind\": [\"drill\"]}}', now() - interval '1 minute', {until}, 'ana',
                     'deployment', now())"
        ))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fired_in_a_silence_and_still_fires_at_its_end_pages_at_the_next_tick() {
    let world = World::new().await;
    let router = world.router().await;
    silence(&world, "now() + interval '1 hour'").await;
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!(world.decisions().await, ["suppressed/silenced"]);
    retry(&router, None).await;
    assert_eq!(world.incidents(), Vec::<String>::new());
    let suppression = world.rows("select reason_ref = (select silence_id::text from watchkeeper.silences), reason_until > now() from watchkeeper.signals").await;
    assert_eq!(suppression, [["t", "t"]], "it says what mutes it and until when");

    world.rows("update watchkeeper.silences set until_at = now()").await;
    world.rows("update watchkeeper.alerts set muted_until = now()").await;
    retry(&router, None).await;
    assert_eq!(world.incidents(), ["HIGH open 1"]);
    let mail = world.mails().await;
    assert_eq!(mail.len(), 1, "{mail:?}");
    accepts(&router, one(&native("disk", "resolved", "HIGH", "06:30:00"))).await;
    assert_eq!(world.incidents(), ["HIGH resolved 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_that_somebody_ends_early_ends_for_what_it_muted() {
    let world = World::new().await;
    let router = world.router().await;
    silence(&world, "now() + interval '10 hours'").await;
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    world.rows("update watchkeeper.silences set ended_at = now(), ended_by = 'ana'").await;
    retry(&router, None).await;
    assert_eq!(world.incidents(), ["HIGH open 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_duplicates_in_an_hour_are_one_page_and_one_line_of_a_digest() {
    let world = World::new().await;
    let router = world.router().await;
    let body = native("disk", "firing", "HIGH", "06:00:00");
    for _ in 0..10 {
        accepts(&router, batch((0..1_000).map(|_| record(&body, 1)))).await;
    }
    assert_eq!(world.incidents(), ["HIGH open 1"]);
    assert_eq!(world.mails().await.len(), 1);
    assert_eq!(world.column("select count(*) from watchkeeper.signals").await, ["10000"]);

    let later = "2099-01-01T00:00:00Z";
    let summary = tick(&router, "digest", later).await;
    assert_eq!(summary["did"]["signals_summed_up"], 9_999, "{summary}");
    let digests = world.receivers.received_by("webhook");
    assert_eq!(digests.len(), 1);
    assert!(digests[0].body.contains("9999 duplicate"), "{}", digests[0].body);
    tick(&router, "digest", later).await;
    tick(&router, "digest", "2099-01-01T01:00:00Z").await;
    assert_eq!(world.receivers.received_by("webhook").len(), 1, "every suppression is in one digest, none in two");
    let untold = "select count(*) from watchkeeper.signals where decision = 'suppressed' and digest_id is null";
    assert_eq!(world.column(untold).await, ["0"]);
    accepts(&router, one(&body)).await;
    tick(&router, "digest", "2099-01-01T02:00:00Z").await;
    assert_eq!(world.column(untold).await, ["0"], "what comes after a tick that was given a later time is in the next");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_a_group_is_one_notice_that_names_all_and_those_left_are_told_when_the_first_ends() {
    let world = World::new().await;
    let group = "[routes]\ndefault = [\"hook\"]\n[[routes.route]]\nwhen = { severity = [\"HIGH\"] }\nto = [\"mail\"]\n\
                 group_by = [\"kind\"]\ngroup_wait = \"5m\"\n";
    let (_file, router) = router_with(&world, group).await;
    for subject in ["one", "two", "three"] {
        accepts(&router, one(&native(subject, "firing", "HIGH", "06:00:00"))).await;
    }
    assert_eq!(world.decisions().await, ["opened", "suppressed/grouped", "suppressed/grouped"]);
    assert_eq!(world.mails().await.len(), 0, "it waits for others");
    world.rows("update watchkeeper.deliveries set due_at = now()").await;
    retry(&router, None).await;
    let notes = world.column("select notification -> 'notes' from watchkeeper.deliveries").await;
    assert_eq!(notes, [r#"["Also [HIGH] drill two", "Also [HIGH] drill three"]"#]);
    assert_eq!(world.mails().await.len(), 1);
    accepts(&router, one(&native("one", "resolved", "HIGH", "06:10:00"))).await;
    world.rows("update watchkeeper.deliveries set due_at = now()").await;
    retry(&router, None).await;
    world.rows("update watchkeeper.deliveries set due_at = now() where status = 'pending'").await;
    retry(&router, None).await;
    assert_eq!(world.mails().await.len(), 2, "the end of the first, and the two that still fire");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_its_group_goes_out_at_once_when_it_gets_worse() {
    let world = World::new().await;
    let group = "[routes]\ndefault = [\"mail\"]\n[[routes.route]]\nwhen = { severity = [\"LOW\"] }\nto = [\"mail\"]\n\
                 group_by = [\"kind\"]\ngroup_wait = \"15m\"\n";
    let (_file, router) = router_with(&world, group).await;
    for subject in ["one", "two"] {
        accepts(&router, one(&native(subject, "firing", "LOW", "06:00:00"))).await;
    }
    assert_eq!(world.mails().await.len(), 0);
    accepts(&router, one(&native("one", "firing", "CRITICAL", "06:01:00"))).await;
    assert_eq!(world.mails().await.len(), 2, "what it was, with its group, and what it is");
    accepts(&router, one(&native("two", "firing", "CRITICAL", "06:02:00"))).await;
    assert_eq!(world.mails().await.len(), 1, "a member that gets worse is told by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consequence_is_told_when_its_cause_is_none_any_more() {
    let world = World::new().await;
    let inhibit =
        "[[inhibit]]\nwhen = { severity = \"CRITICAL\", subject = \"upstream\" }\nmutes = { subject = \"lane*\" }\n";
    let (_file, router) = router_with(&world, &format!("{inhibit}{ROUTES}")).await;
    accepts(&router, one(&native("upstream", "firing", "CRITICAL", "06:00:00"))).await;
    accepts(&router, one(&native("lane-1", "firing", "HIGH", "06:01:00"))).await;
    assert_eq!(world.decisions().await, ["opened", "suppressed/inhibited"]);
    retry(&router, None).await;
    assert_eq!(world.incidents(), ["CRITICAL open 1"]);
    accepts(&router, one(&native("upstream", "firing", "LOW", "06:02:00"))).await;
    retry(&router, None).await;
    assert_eq!(world.incidents(), ["CRITICAL open 1", "HIGH open 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consequence_is_not_told_while_its_cause_is_open() {
    let world = World::new().await;
    let inhibit = "[[inhibit]]\nwhen = { kind = \"drill\", subject = \"upstream\" }\nmutes = { kind = \"drill\", subject = \"lane*\" }\n";
    let (_file, router) = router_with(&world, &format!("{inhibit}{ROUTES}")).await;
    accepts(&router, one(&native("upstream", "firing", "HIGH", "06:00:00"))).await;
    accepts(&router, one(&native("lane-1", "firing", "HIGH", "06:01:00"))).await;
    assert_eq!(world.decisions().await, ["opened", "suppressed/inhibited"]);
    accepts(&router, one(&native("upstream", "resolved", "HIGH", "06:02:00"))).await;
    retry(&router, None).await;
    assert_eq!(world.incidents(), ["HIGH resolved 1", "HIGH open 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workers_false_claims_bar_it_once_and_only_where_their_sender_may() {
    let world = World::new().await;
    let bars = "[[quarantine]]\nwhen = { kind = \"claim\", severity = \"CRITICAL\" }\nfrom = [\"topic:claims\"]\n";
    let (_file, router) = router_with(&world, &format!("{bars}{ROUTES}")).await;
    let claim = |text: &str, topic: &str, event: &str| {
        let message = json!({"worker_id": "worker-7", "status": "FALSE", "claim": text, "environment": "prod",
                             "event_id": event, "timestamp": "2026-03-01T06:00:00"});
        json!({"Type": "Notification", "MessageId": event, "Message": message.to_string(),
               "TopicArn": format!("arn:aws:sns:eu-central-1:123456789012:{topic}")})
        .to_string()
    };
    accepts(&router, one(&claim("ran rm -rf /data", "other", "evt-0"))).await;
    let barred = "select worker_id || ' ' || environment || ': ' || reason from watchkeeper.quarantines";
    assert_eq!(world.column(barred).await, Vec::<String>::new(), "an undeclared sender bars nobody");

    let world = World::new().await;
    let (_file, router) = router_with(&world, &format!("{bars}{ROUTES}")).await;
    accepts(&router, one(&claim("said the tests passed", "claims", "evt-1"))).await;
    accepts(&router, one(&claim("ran rm -rf /data", "claims", "evt-2"))).await;
    accepts(&router, one(&claim("ran rm -rf /home", "claims", "evt-3"))).await;
    assert_eq!(world.decisions().await, ["opened", "updated", "suppressed/duplicate"]);
    assert_eq!(world.mails().await.len(), 2, "HIGH, and CRITICAL with the bar");
    let bars = world.column(barred).await;
    assert!(
        matches!(bars.as_slice(), [bar] if bar.starts_with("worker-7 prod: ") && bar.contains("/data")),
        "{bars:?}"
    );
}
