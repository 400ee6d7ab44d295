//! Receivers that do not take it at once, and the tick that tries again.

use serde_json::json;
use testkit::receivers::{Behaviour, Cut};
use testkit::runtime_api::Options;

use crate::messages::{batch, native, one, record};
use crate::world::{World, accepts, retry};

/// Long after every pause, so that no test waits.
const LATER: &str = "2099-01-01T00:00:00Z";

async fn statuses(world: &World) -> Vec<String> {
    world
        .column("select receiver || ' ' || notice || ' ' || status from watchkeeper.deliveries order by position")
        .await
}

/// A minute from now by the store's clock.
async fn in_minutes(world: &World, minutes: usize) -> String {
    let sql = format!(
        "select to_char((now() + interval '{minutes} minutes') at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    );
    world.column(&sql).await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_is_tried_again_and_told_once() {
    let world = World::new().await;
    let router = world.router().await;
    world.receivers.behave(Behaviour::answer("pagerduty", 503).times(2));
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!(statuses(&world).await, ["on-call firing pending", "mail firing sent"], "one receiver costs no other");
    retry(&router, Some(&in_minutes(&world, 10).await)).await;
    retry(&router, Some(&in_minutes(&world, 30).await)).await;
    assert_eq!(world.incidents(), ["HIGH open 1"]);
    let outcomes = world.column("select outcome from watchkeeper.delivery_attempts a join watchkeeper.deliveries using (delivery_id) where receiver = 'on-call' order by attempted_at").await;
    assert_eq!(outcomes, ["transient", "transient", "accepted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_is_in_the_ledger_and_says_for_how_long_somebody_has_been_waiting_to_be_told() {
    let world = World::new().await;
    let router = world.router().await;
    // What the last tick logged for CloudWatch.
    let oldest = || {
        let output = router.output();
        let line =
            output.lines().rev().find(|line| line.contains("\"OldestDueDelivery\":")).expect("a line").to_owned();
        let document: serde_json::Value = serde_json::from_str(&line[line.find('{').unwrap_or(0)..]).expect("JSON");
        document["OldestDueDelivery"].as_f64().expect("seconds")
    };
    retry(&router, None).await;
    assert!(oldest().abs() < f64::EPSILON, "nobody waits");
    world.receivers.behave(Behaviour::answer("pagerduty", 503));
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    retry(&router, Some(&in_minutes(&world, 20).await)).await;
    retry(&router, Some(&in_minutes(&world, 40).await)).await;
    assert!((2_400.0..2_460.0).contains(&oldest()), "a try that failed does not begin the wait anew: {}", oldest());
    let ledger = world.column("select function || ' ' || outcome from watchkeeper.ledger order by started_at").await;
    assert_eq!(ledger, ["alert-router ok"; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_before_the_pause_is_over_tries_nothing() {
    let world = World::new().await;
    let router = world.router().await;
    world.receivers.behave(Behaviour::answer("pagerduty", 429).header("retry-after", "600").times(1));
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    retry(&router, Some(&in_minutes(&world, 9).await)).await;
    assert!(world.incidents().is_empty(), "PagerDuty asked for ten minutes");
    retry(&router, Some(&in_minutes(&world, 11).await)).await;
    assert_eq!(world.incidents(), ["HIGH open 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_ends_that_delivery_and_is_named() {
    let world = World::new().await;
    let router = world.router().await;
    world.receivers.behave(Behaviour::answer("pagerduty", 400).times(1));
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!(statuses(&world).await, ["on-call firing failed", "mail firing sent"]);
    accepts(&router, one(&native("disk", "resolved", "HIGH", "06:01:00"))).await;
    assert_eq!(statuses(&world).await[2..], ["mail resolved sent"], "who was not told is not told the end");
    accepts(&router, one(&native("other", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!(world.incidents(), ["HIGH open 1"], "the receiver itself goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_came_is_repeated_with_the_same_key_and_marked_where_nothing_merges() {
    let world = World::new().await;
    let router = world.router().await;
    world.receivers.behave(Behaviour::cut("pagerduty", Cut::After).times(1));
    world.receivers.behave(Behaviour::cut("webhook", Cut::After).times(1));
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    accepts(&router, one(&native("lamp", "firing", "LOW", "06:00:00"))).await;
    let outcomes = "select distinct outcome from watchkeeper.delivery_attempts join watchkeeper.deliveries using (delivery_id) where receiver <> 'mail'";
    assert_eq!(world.column(outcomes).await, ["ambiguous"]);
    retry(&router, Some(LATER)).await;
    assert_eq!(world.incidents(), ["HIGH open 2"], "merged");
    let hooked = world.receivers.received_by("webhook");
    assert_eq!(hooked.len(), 2);
    assert!(hooked[1].body.contains("(repeat)") && !hooked[0].body.contains("(repeat)"), "{hooked:?}");
    assert_eq!(hooked[0].headers["idempotency-key"], hooked[1].headers["idempotency-key"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_of_one_alert_go_out_in_order_even_when_the_first_is_late() {
    let world = World::new().await;
    let router = world.router().await;
    world.receivers.behave(Behaviour::answer("pagerduty", 500).times(1));
    for (status, severity, at) in
        [("firing", "HIGH", "06:00:00"), ("firing", "CRITICAL", "06:01:00"), ("resolved", "CRITICAL", "06:02:00")]
    {
        accepts(&router, one(&native("disk", status, severity, at))).await;
    }
    assert!(world.incidents().is_empty(), "the firing blocks what follows it");
    retry(&router, Some(LATER)).await;
    assert_eq!(world.incidents(), ["HIGH resolved 1", "CRITICAL resolved 1"]);
    assert!(statuses(&world).await.iter().all(|row| row.ends_with("sent")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_rise_leaves_the_lower_incident_open_until_the_end() {
    let world = World::new().await;
    let router = world.router().await;
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    world.receivers.behave(Behaviour::answer("pagerduty", 400).times(1));
    accepts(&router, one(&native("disk", "firing", "CRITICAL", "06:01:00"))).await;
    assert_eq!(world.incidents(), ["HIGH open 1"]);
    accepts(&router, one(&native("disk", "resolved", "CRITICAL", "06:02:00"))).await;
    assert_eq!(world.incidents(), ["HIGH resolved 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ticks_at_once_share_the_work() {
    let world = World::new().await;
    let (one_router, other) = (world.router().await, world.router().await);
    world.receivers.behave(Behaviour::answer("pagerduty", 503).times(20));
    for n in 0..20 {
        accepts(&one_router, one(&native(&format!("disk-{n}"), "firing", "HIGH", "06:00:00"))).await;
    }
    tokio::join!(retry(&one_router, Some(LATER)), retry(&other, Some(LATER)),);
    retry(&one_router, Some(LATER)).await;
    assert_eq!(world.incidents(), vec!["HIGH open 1"; 20], "each was triggered once");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tick_sends_what_stands_in_the_outbox_once() {
    let world = World::new().await;
    let router = world.router().await;
    let connection = store::Connection::open(&world.database_url.as_str().into(), None).await.expect("a connection");
    let body = native("telemetry", "firing", "HIGH", "06:00:00");
    let raised = store::outbox::Outgoing { id: "f/firing/HIGH/t".to_owned(), body };
    for _ in 0..2 {
        store::outbox::insert(&connection.client, std::slice::from_ref(&raised)).await.expect("written");
    }
    let summary = retry(&router, None).await;
    assert_eq!(summary["did"]["signals_raised"], json!(1), "{summary}");
    assert_eq!(world.queued().await, 1);
    assert_eq!(retry(&router, None).await["did"]["signals_raised"], json!(0));
    assert_eq!(world.queued().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_and_changes_nothing() {
    let world = World::new().await;
    let router = world.router().await;
    world.receivers.behave(Behaviour::answer("pagerduty", 503).times(1));
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    let tick = json!({"tick": "retry", "dry_run": true, "now": LATER});
    let summary = router.invoke(&tick).await.expect("a process").answered().expect("an answer");
    assert_eq!((&summary["looked_at"]["deliveries_due"], &summary["dry_run"]), (&json!(1), &json!(true)));
    assert!(world.incidents().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_the_local_cloud_a_now_of_another_day_is_a_dry_run() {
    let world = World::new().await;
    let local = world.router().await;
    world.receivers.behave(Behaviour::answer("pagerduty", 503).times(1));
    accepts(&local, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    for name in ["database/url", "receivers/pagerduty", "receivers/pagerduty_url", "receivers/hook_url"] {
        world.copy_parameter(name, "drill").await;
    }
    let router = world.router_with(&[("ENVIRONMENT", "drill")], Options::default()).await;
    let summary = retry(&router, Some(LATER)).await;
    assert_eq!(summary["dry_run"], json!(true), "{summary}");
    assert!(summary["skipped"][0]["reason"].as_str().expect("a reason").contains("5 minutes"), "{summary}");
    assert!(world.incidents().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_alert_is_closed_by_the_tick_when_its_window_is_over() {
    let world = World::new().await;
    let router = world.router().await;
    accepts(&router, one(&native("deploy", "event", "HIGH", "06:00:00"))).await;
    retry(&router, Some(&in_minutes(&world, 59).await)).await;
    assert_eq!(world.column("select status from watchkeeper.alerts").await, ["firing"]);
    retry(&router, Some(&in_minutes(&world, 61).await)).await;
    let closed = world.column("select status || ' ' || close_reason from watchkeeper.alerts").await;
    assert_eq!(closed, ["resolved expired"]);
    assert_eq!(world.incidents(), ["HIGH open 1"], "silently");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_critical_page_does_not_wait_behind_the_backlog_of_a_slow_receiver() {
    let world = World::new().await;
    let short = Options { timeout: std::time::Duration::from_secs(6), ..Options::default() };
    let router = world.router_with(&[], short).await;
    world.receivers.behave(Behaviour::late("webhook", std::time::Duration::from_secs(20)));
    let backlog = (0..60).map(|n| record(&native(&format!("lamp-{n}"), "firing", "LOW", "06:00:00"), 1));
    accepts(&router, batch(backlog)).await;
    accepts(&router, one(&native("disk", "firing", "CRITICAL", "06:00:00"))).await;
    assert_eq!(world.incidents(), ["CRITICAL open 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_after_the_window_opens_anew_although_no_tick_came_between() {
    let world = World::new().await;
    let router = world.router().await;
    let stuck = native("deploy", "event", "HIGH", "06:00:00");
    accepts(&router, one(&stuck)).await;
    world.rows("update watchkeeper.alerts set opened_at = opened_at - interval '2 hours'").await;
    accepts(&router, one(&stuck)).await;
    assert_eq!(world.decisions().await, ["opened", "opened"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_due_is_told_although_other_parts_of_the_tick_fail_and_those_are_named() {
    let world = World::new().await;
    let router = world.router().await;
    world.receivers.behave(Behaviour::answer("pagerduty", 503).times(1));
    accepts(&router, one(&native("deploy", "event", "HIGH", "06:00:00"))).await;
    let connection = store::Connection::open(&world.database_url.as_str().into(), None).await.expect("a connection");
    let body = native("telemetry", "firing", "HIGH", "06:00:00");
    let raised = store::outbox::Outgoing { id: "f/firing/HIGH/t".to_owned(), body };
    store::outbox::insert(&connection.client, std::slice::from_ref(&raised)).await.expect("written");
    let broken = "alter table watchkeeper.silences rename to silences_elsewhere;
        create function watchkeeper.refuse() returns trigger language plpgsql as $$ begin raise 'refused'; end $$;
        create trigger refuse before update on watchkeeper.alerts for each row when (new.status = 'resolved')
            execute function watchkeeper.refuse();
        create trigger refuse before update or delete on watchkeeper.signal_outbox for each row
            execute function watchkeeper.refuse()";
    world.rows(broken).await;
    let summary = retry(&router, Some(&in_minutes(&world, 61).await)).await;
    let failed = summary["failed"].as_array().cloned().unwrap_or_default();
    let named: Vec<_> = failed.iter().filter_map(|failure| failure["name"].as_str()).collect();
    assert_eq!(named, ["alerts_due_again", "alerts_expired", "signals_raised"], "{summary}");
    assert_eq!(world.incidents(), ["HIGH open 1"], "{summary}");
}
