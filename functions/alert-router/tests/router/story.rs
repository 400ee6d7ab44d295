//! What people see: one incident, its rise, its end; and on record why nothing else was said.

use crate::messages::{Alarm, again, batch, native, one, record};
use crate::world::{World, accepts};

fn depth<'a>(state: &'a str, severity: &'a str, at: &'a str) -> Alarm<'a> {
    Alarm { metric: "Depth", state, severity, at }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_alarms_one_incident_a_rise_and_one_end_for_each_key() {
    let world = World::new().await;
    let router = world.router().await;
    for _ in 0..10 {
        accepts(&router, one(&depth("ALARM", "HIGH", "06:00:00").body())).await;
    }
    assert_eq!(world.incidents(), ["HIGH open 1"]);
    let mut decided = world.decisions().await;
    assert_eq!(decided.remove(0), "opened");
    assert_eq!(decided, ["suppressed/duplicate"; 9]);

    accepts(&router, one(&depth("ALARM", "CRITICAL", "06:05:00").body())).await;
    assert_eq!(world.incidents(), ["HIGH resolved 1", "CRITICAL open 1"]);

    accepts(&router, one(&depth("OK", "CRITICAL", "06:10:00").body())).await;
    assert_eq!(world.incidents(), ["HIGH resolved 1", "CRITICAL resolved 1"]);

    accepts(&router, one(&depth("ALARM", "HIGH", "06:07:00").body())).await;
    assert_eq!(world.incidents(), ["HIGH resolved 1", "CRITICAL resolved 1"], "an older alarm opens nothing");
    assert_eq!(world.decisions().await[10..], ["updated", "resolved", "suppressed/stale"]);

    let mails = world.mails().await;
    assert_eq!(mails.len(), 3, "{mails:?}");
    assert!(mails[0].contains("HIGH") && mails[1].contains("CRITICAL") && mails[2].contains("RESOLVED"), "{mails:?}");
    assert_eq!(world.column("select status from watchkeeper.alerts").await, ["resolved"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_in_any_order_is_told_in_the_order_in_which_it_happened() {
    let world = World::new().await;
    let router = world.router().await;
    let bodies = [depth("OK", "HIGH", "06:02:00").body(), depth("ALARM", "HIGH", "06:01:00").body()];
    accepts(&router, batch(bodies.iter().map(|body| record(body, 1)))).await;
    assert_eq!(world.incidents(), ["HIGH resolved 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_delivered_twenty_times_by_eight_routers_is_one_signal_and_one_page() {
    let world = World::new().await;
    let message = record(&depth("ALARM", "HIGH", "06:00:00").body(), 1);
    let mut routers = Vec::new();
    for _ in 0..8 {
        routers.push(world.router().await);
    }
    let deliveries = (0..20).map(|n| (n, batch([again(&message, 1 + n / 8)])));
    let all = deliveries.map(|(n, event)| {
        let router = &routers[n % 8];
        async move { accepts(router, event).await }
    });
    futures::future::join_all(all).await;
    assert_eq!(world.decisions().await, ["opened"]);
    assert_eq!(world.incidents(), ["HIGH open 1"]);
    assert_eq!(world.mails().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_is_deleted_from_the_queue() {
    let world = World::new().await;
    let router = world.router().await;
    let received = world.through_the_queue(&native("disk", "firing", "LOW", "06:00:00")).await;
    assert_eq!(world.queued().await, 1);
    accepts(&router, batch([received])).await;
    assert_eq!(world.queued().await, 0);
    assert_eq!(world.receivers.received_by("webhook").len(), 1, "LOW goes to the hook");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_dated_in_the_future_counts_from_its_receipt() {
    let world = World::new().await;
    let router = world.router().await;
    let ahead = native("disk", "firing", "HIGH", "06:00:00").replace("2026-03-01", "2126-03-01");
    accepts(&router, one(&ahead)).await;
    let now = world.column("select to_char(now() at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.USZ')").await.remove(0);
    let recovery = native("disk", "resolved", "HIGH", "06:00:00");
    accepts(&router, one(&recovery.replace("2026-03-01T06:00:00Z", &now))).await;
    assert_eq!(world.incidents(), ["HIGH resolved 1"], "the source is not deaf for a century");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_reaches_the_log() {
    let world = World::new().await;
    world.put_parameter("receivers/pagerduty", "marked-secret-routing-key").await;
    let router = world.router_with(&[("AWS_LAMBDA_LOG_LEVEL", "DEBUG")], Default::default()).await;
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    let answered = world.receivers.received_by("pagerduty");
    assert!(answered[0].body.contains("marked-secret-routing-key"), "it was sent where it belongs");
    assert!(!router.output().contains("marked-secret"), "{}", router.output());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_a_sender_uses_twice_loses_no_signal() {
    let world = World::new().await;
    let router = world.router().await;
    let with_id = |status: &str, at: &str| native("disk", status, "HIGH", at).replace("{", "{\"id\":\"42\",");
    for _ in 0..2 {
        accepts(&router, one(&with_id("firing", "06:00:00"))).await;
        accepts(&router, one(&with_id("resolved", "06:10:00"))).await;
    }
    assert_eq!(world.incidents(), ["HIGH resolved 1"]);
    assert_eq!(world.decisions().await, ["opened", "resolved"], "and a repeat of either is known");
    let both = [with_id("firing", "07:00:00"), with_id("event", "07:00:00")];
    accepts(&router, batch(both.iter().map(|body| record(body, 1)))).await;
    assert_eq!(world.decisions().await.len(), 3, "an id of an hour ago is a repeat; another status is not");
}
