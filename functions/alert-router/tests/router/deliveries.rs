//! Receivers that refuse, pause, hang, are off or left the watch file: who is told instead, and what is on record.

use std::time::Duration;

use serde_json::json;
use testkit::binaries::workspace;
use testkit::proxy::Fault;
use testkit::receivers::{Behaviour, Cut};
use testkit::runtime_api::{Options, Sandbox};

use crate::messages::{native, one};
use crate::world::{World, accepts, retry};

/// Long after every pause.
const LATER: &str = "2099-01-01T00:00:00Z";

/// The local watch file with other words in it.
struct WatchFile(tempfile::NamedTempFile);

impl WatchFile {
    fn with(changes: &[(&str, &str)]) -> Self {
        let mut text = std::fs::read_to_string(workspace().join("config/local.toml")).expect("the watch file");
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        let file = tempfile::NamedTempFile::with_suffix(".toml").expect("a file");
        std::fs::write(file.path(), text).expect("written");
        Self(file)
    }

    async fn router(&self, world: &World) -> Sandbox {
        world.router_with(&[("WATCH_FILE", self.0.path().to_str().expect("a path"))], Options::default()).await
    }
}

const PAGES: &str = "to   = [\"on-call\", \"mail\"]";
const PAGES_WITH_FALLBACK: &str = "to = [\"on-call\", \"mail\"]\nfallback = [\"hook\"]";
const HOOK: &str = "[receiver.hook]";

/// `receiver notice status` of all deliveries, in order of creation.
async fn deliveries(world: &World) -> Vec<String> {
    let sql = "select receiver || ' ' || notice || ' ' || status from watchkeeper.deliveries order by position";
    world.column(sql).await
}

/// Subjects of what the hook was told, with notice.
fn hooked(world: &World) -> Vec<String> {
    let told = |notification: &serde_json::Value| {
        let word = |name: &str| notification[name].as_str().unwrap_or("?").to_owned();
        format!("{} {}", word("notice"), word("subject"))
    };
    world.receivers.received_by("webhook").iter().map(|request| told(&request.json)).collect()
}

/// What was raised and put on the queue.
async fn raised(world: &World) -> Vec<String> {
    world.column("select body from watchkeeper.signal_outbox where sent_at is not null order by created_at").await
}

async fn in_minutes(world: &World, minutes: usize) -> String {
    let sql = format!(
        "select to_char((now() + interval '{minutes} minutes') at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    );
    world.column(&sql).await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn however_pagerduty_fails_there_is_one_incident_every_attempt_is_on_record_and_nobody_else_waits() {
    let world = World::new().await;
    let router = world.router().await;
    world.receivers.behave(Behaviour::answer("pagerduty", 429).header("retry-after", "30").times(1));
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    accepts(&router, one(&native("lamp", "firing", "LOW", "06:00:00"))).await;
    assert_eq!(world.mails().await.len(), 1, "mail does not wait for PagerDuty");
    assert_eq!(hooked(&world), ["firing lamp"], "neither does the hook");
    for (minutes, behaviour) in [
        (10, Some(Behaviour::answer("pagerduty", 500).times(1))),
        (20, Some(Behaviour::cut("pagerduty", Cut::After).times(1))),
        (30, None),
    ] {
        if let Some(behaviour) = behaviour {
            world.receivers.behave(behaviour);
        }
        retry(&router, Some(&in_minutes(&world, minutes).await)).await;
    }
    assert_eq!(world.incidents(), ["HIGH open 2"], "the unanswered one was merged");
    let attempts = "select outcome from watchkeeper.delivery_attempts join watchkeeper.deliveries using (delivery_id)
                    where receiver = 'on-call' order by attempted_at";
    assert_eq!(world.column(attempts).await, ["rate-limited", "transient", "ambiguous", "accepted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_asks_for_a_pause_is_asked_nothing_else_meanwhile() {
    let world = World::new().await;
    let router = world.router().await;
    world.receivers.behave(Behaviour::answer("pagerduty", 429).header("retry-after", "600").times(1));
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    accepts(&router, one(&native("fire", "firing", "CRITICAL", "06:00:00"))).await;
    retry(&router, Some(&in_minutes(&world, 9).await)).await;
    assert_eq!(world.receivers.received_by("pagerduty").len(), 1);
    assert_eq!(world.mails().await.len(), 2);
    retry(&router, Some(&in_minutes(&world, 11).await)).await;
    let mut incidents = world.incidents();
    incidents.sort();
    assert_eq!(incidents, ["CRITICAL open 1", "HIGH open 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_one_alert_is_told_to_others_at_once_and_the_receiver_stays_in_use() {
    let world = World::new().await;
    let router = world.router().await;
    world.receivers.behave(Behaviour::answer("pagerduty", 400).times(1));
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    let signals = raised(&world).await;
    assert_eq!(signals.len(), 1, "it does not wait for a tick");
    assert_eq!(world.queued().await, 1);
    world.mails().await;
    accepts(&router, one(&signals[0])).await;
    accepts(&router, one(&signals[0])).await;
    assert_eq!(world.mails().await, ["[HIGH] local: on-call"], "once, and not to the one it is about");
    accepts(&router, one(&native("other", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!(world.incidents(), ["HIGH open 1"]);
    let refused =
        "select subject from watchkeeper.signals where kind = 'delivery-failed' and summary like '%drill disk%'";
    assert_eq!(world.column(refused).await, ["on-call"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_no_other_receiver_can_be_told_reaches_the_operator() {
    let world = World::new().await;
    let router = world.router().await;
    world.receivers.behave(Behaviour::answer("webhook", 400).times(1));
    accepts(&router, one(&native("lamp", "firing", "LOW", "06:00:00"))).await;
    accepts(&router, one(&raised(&world).await[0])).await;
    assert_eq!(world.mails_to_operator().await, ["[LOW] local: hook"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_to_tell_of_a_failure_reaches_the_operator_and_raises_nothing() {
    let world = World::new().await;
    let router = world.router().await;
    world.receivers.behave(Behaviour::answer("webhook", 400).times(1));
    let failure = json!({
        "source": "receiver:on-call", "kind": "delivery-failed", "subject": "on-call", "status": "event",
        "severity": "LOW", "summary": "on-call was not told", "occurred_at": "2026-03-01T06:00:00Z",
    });
    accepts(&router, one(&failure.to_string())).await;
    assert_eq!(deliveries(&world).await, ["hook firing failed", "self firing sent"]);
    assert_eq!(world.mails_to_operator().await, ["[LOW] local: on-call"]);
    assert!(world.column("select body from watchkeeper.signal_outbox").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_refuses_everything_is_replaced_by_its_fallback_which_hears_the_end_too() {
    let world = World::new().await;
    let file = WatchFile::with(&[(PAGES, PAGES_WITH_FALLBACK)]);
    let router = file.router(&world).await;
    world.receivers.behave(Behaviour::answer("pagerduty", 404).times(1));
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!(deliveries(&world).await, ["on-call firing failed", "mail firing sent", "hook firing sent"]);
    let unhealthy = "select receiver from watchkeeper.receiver_states where unhealthy_since is not null";
    assert_eq!(world.column(unhealthy).await, ["on-call"]);
    accepts(&router, one(&native("disk", "resolved", "HIGH", "06:01:00"))).await;
    assert_eq!(hooked(&world), ["firing disk", "resolved disk"]);
    accepts(&router, one(&native("other", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!(world.incidents(), ["HIGH open 1"], "it is still tried");
    assert!(world.column(unhealthy).await.is_empty(), "and well again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_pagerduty_does_not_take_within_five_minutes_goes_to_the_fallback_once() {
    let world = World::new().await;
    let file = WatchFile::with(&[(PAGES, PAGES_WITH_FALLBACK)]);
    let router = file.router(&world).await;
    world.receivers.behave(Behaviour::answer("pagerduty", 503).times(3));
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    retry(&router, Some(&in_minutes(&world, 1).await)).await;
    assert!(hooked(&world).is_empty());
    let summary = retry(&router, Some(&in_minutes(&world, 6).await)).await;
    assert_eq!(summary["did"]["told_instead"], json!(1), "{summary}");
    retry(&router, Some(&in_minutes(&world, 20).await)).await;
    assert_eq!(hooked(&world), ["firing disk"]);
    assert_eq!(world.incidents(), ["HIGH open 1"], "and PagerDuty is tried until it takes it");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waited_for_others_of_its_group_has_five_minutes_of_tries_after_that_before_others_are_told() {
    let world = World::new().await;
    let grouped = format!("{PAGES_WITH_FALLBACK}\ngroup_by = [\"kind\"]\ngroup_wait = \"15m\"");
    let file = WatchFile::with(&[(PAGES, &grouped)]);
    let router = file.router(&world).await;
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    world.receivers.behave(Behaviour::answer("pagerduty", 503));
    let summary = retry(&router, Some(&in_minutes(&world, 16).await)).await;
    assert_eq!(summary["did"]["told_instead"], json!(0), "it was tried for the first time: {summary}");
    let summary = retry(&router, Some(&in_minutes(&world, 22).await)).await;
    assert_eq!(summary["did"]["told_instead"], json!(1), "{summary}");
    assert_eq!(hooked(&world), ["firing disk"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_a_receiver_that_left_the_watch_file_is_told_to_others() {
    let world = World::new().await;
    let file = WatchFile::with(&[(PAGES, PAGES_WITH_FALLBACK)]);
    let before = file.router(&world).await;
    world.receivers.behave(Behaviour::answer("pagerduty", 503).times(1));
    accepts(&before, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    let changes = [("[receiver.on-call]", "[receiver.day-shift]"), (PAGES, "to = [\"day-shift\", \"mail\"]")];
    let file = WatchFile::with(&changes);
    let after = file.router(&world).await;
    let summary = retry(&after, Some(LATER)).await;
    assert_eq!(summary["failed"][0]["name"], json!("on-call"), "{summary}");
    assert_eq!(hooked(&world), ["firing disk"]);
    let signals = raised(&world).await;
    assert!(signals.len() == 1 && signals[0].contains("no receiver `on-call` any more"), "{signals:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_failures_is_raised_as_one() {
    let world = World::new().await;
    let router = world.router().await;
    world.receivers.behave(Behaviour::answer("pagerduty", 503).times(2));
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    retry(&router, Some(&in_minutes(&world, 24 * 60 + 1).await)).await;
    assert_eq!(deliveries(&world).await[0], "on-call firing failed");
    let signals = raised(&world).await;
    assert!(signals.len() == 1 && signals[0].contains("every try of a day failed"), "{signals:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_too_whoever_is_told_instead_of_several_is_told_once() {
    let world = World::new().await;
    let file = WatchFile::with(&[(PAGES, "to = [\"hook\", \"team\"]\nfallback = [\"on-call\", \"mail\"]")]);
    let environment = [("WATCH_FILE", file.0.path().to_str().expect("a path")), ("FAILPOINT_HASTE", "1")];
    let router = world.router_with(&environment, Options::default()).await;
    world.proxy.behave(Fault::Refuse);
    for integration in ["webhook", "slack"] {
        world.receivers.behave(Behaviour::answer(integration, 500));
    }
    accepts(&router, one(&native("disk", "firing", "CRITICAL", "06:00:00"))).await;
    assert_eq!((world.incidents(), world.mails().await.len()), (vec!["CRITICAL open 1".to_owned()], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_a_receiver_that_is_off_waits_until_it_is_on() {
    let world = World::new().await;
    world.put_parameter("features/enable_hook", "off").await;
    let file = WatchFile::with(&[(HOOK, "[receiver.hook]\nswitch = \"enable_hook\"")]);
    let router = file.router(&world).await;
    accepts(&router, one(&native("lamp", "firing", "LOW", "06:00:00"))).await;
    accepts(&router, one(&native("bulb", "firing", "LOW", "06:00:00"))).await;
    accepts(&router, one(&native("bulb", "resolved", "LOW", "06:01:00"))).await;
    retry(&router, Some(LATER)).await;
    assert!(hooked(&world).is_empty(), "{:?}", hooked(&world));
    world.put_parameter("features/enable_hook", "on").await;
    let router = file.router(&world).await;
    retry(&router, None).await;
    assert_eq!(hooked(&world), ["firing lamp"], "what ended meanwhile is not worth telling");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_critical_page_whose_only_receiver_is_switched_off_before_it_took_it_reaches_the_operator_once() {
    let world = World::new().await;
    let on_call = ("[receiver.on-call]", "[receiver.on-call]\nswitch = \"enable_pages\"");
    let file = WatchFile::with(&[on_call, (PAGES, "to = [\"on-call\"]")]);
    let router = file.router(&world).await;
    world.receivers.behave(Behaviour::answer("pagerduty", 503).times(1));
    accepts(&router, one(&native("disk", "firing", "CRITICAL", "06:00:00"))).await;
    world.put_parameter("features/enable_pages", "off").await;
    let router = file.router(&world).await;
    retry(&router, None).await;
    retry(&router, Some(&in_minutes(&world, 6).await)).await;
    let mails = world.mails_to_operator().await;
    assert!(matches!(&mails[..], [title] if title.contains("disk")), "{mails:?}");
    assert_eq!(deliveries(&world).await, ["on-call firing pending", "self firing sent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_over_a_weekend_has_a_day_of_tries_and_five_minutes_before_others_are_told() {
    let world = World::new().await;
    let file = WatchFile::with(&[(PAGES, PAGES_WITH_FALLBACK)]);
    let router = file.router(&world).await;
    world.receivers.behave(Behaviour::answer("pagerduty", 503).times(2));
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    world
        .rows(
            "delete from watchkeeper.delivery_attempts where outcome <> 'accepted';
             update watchkeeper.deliveries
             set status = 'held', held_because = 'outside-hours', held_until = now(), attempts = 0,
                 created_at = now() - interval '63 hours'
             where receiver = 'on-call'",
        )
        .await;
    retry(&router, None).await;
    assert_eq!(deliveries(&world).await, ["on-call firing pending", "mail firing sent"]);
    let summary = retry(&router, Some(&in_minutes(&world, 6).await)).await;
    assert_eq!(summary["did"]["told_instead"], json!(0), "it took it at last: {summary}");
    assert_eq!(world.incidents(), ["HIGH open 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_receiver_hangs_no_other_sandbox_tells_it_the_same() {
    let world = World::new().await;
    let short = Options { timeout: Duration::from_secs(6), ..Options::default() };
    let (slow, other) = (world.router_with(&[], short).await, world.router().await);
    world.receivers.behave(Behaviour::late("webhook", Duration::from_secs(20)).times(1));
    let message = one(&native("lamp", "firing", "LOW", "06:00:00"));
    let telling = accepts(&slow, message);
    let asking = async {
        while world.receivers.received_by("webhook").is_empty() && deliveries(&world).await != ["hook firing sending"] {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for _ in 0..5 {
            let summary = retry(&other, None).await;
            assert_eq!(summary["did"]["deliveries_sent"], json!(0), "{summary}");
        }
    };
    tokio::join!(telling, asking);
    let outcomes = "select outcome from watchkeeper.delivery_attempts order by attempted_at";
    assert_eq!(world.column(outcomes).await, ["ambiguous"]);
    retry(&other, Some(LATER)).await;
    assert_eq!(world.column(outcomes).await, ["ambiguous", "accepted"]);
    let hooked = world.receivers.received_by("webhook");
    assert!(hooked.last().is_some_and(|request| request.body.contains("(repeat)")), "{hooked:?}");
}
