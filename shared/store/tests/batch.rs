//! Two who change one alert at once: the one that decided on what is no longer so gives way.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use domain::decide::decide;
use domain::policy::{Integration, Policy, Receiver, Route};
use domain::{Fingerprint, Severity, Signal, SignalStatus, Timestamp};
use jiff::SignedDuration;
use store::{Class, Connection, Error, batch, events, migrations};
use testkit::postgres::Postgres;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(5);

async fn open(url: &str) -> Connection {
    Connection::open(&url.into(), None).await.expect("a connection")
}

async fn database(name: &str) -> (String, Connection) {
    let url = Postgres::shared().create_database(name).expect("a database");
    let connection = open(&url).await;
    migrations::migrate(&connection.client, None).await.expect("migrated");
    (url, connection)
}

fn policy() -> Policy {
    Policy {
        environment: "prod".into(),
        namespace: "N".into(),
        metric_severity: Default::default(),
        metric_runbook: Default::default(),
        receivers: [("hook".to_owned(), Receiver { integration: Integration::Webhook, switch: None })].into(),
        routes: vec![],
        default_route: Route { to: vec!["hook".into()], ..Route::default() },
        classify: vec![],
        inhibit: vec![],
        quarantine: vec![],
        dedup_window: SignedDuration::from_hours(1),
        digest_every: None,
        flapping: None,
        remind_every: Default::default(),
        heartbeat_remind_every: Default::default(),
    }
}

fn signal(n: u128, status: SignalStatus, severity: Severity) -> Signal {
    let labels = Default::default();
    Signal {
        id: Uuid::from_u128(n),
        idempotency_key: n.to_string(),
        occurred_at: "2026-03-01T06:00:00Z".parse().expect("an instant"),
        source: "s".into(),
        sender: "topic:alarms".into(),
        kind: "k".into(),
        subject: "x".into(),
        environment: "prod".into(),
        status,
        severity,
        fingerprint: Fingerprint::of("prod", "k", "x", &labels),
        labels,
        summary: String::new(),
        runbook: None,
        body: String::new(),
    }
}

async fn record(connection: &Connection, signal: &Signal) -> Result<Timestamp, Error> {
    let loaded = batch::load(&connection.client, std::slice::from_ref(signal), &policy(), PATIENCE).await?;
    let plan = decide(loaded.state, &loaded.undecided, &policy(), loaded.now);
    batch::apply(&connection.client, &loaded.undecided, &plan, PATIENCE).await?;
    Ok(loaded.now)
}

async fn count(connection: &Connection, sql: &str) -> i64 {
    connection.client.query_typed(sql, &[]).await.expect(sql)[0].get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_what_expired_waits_for_a_decision_under_way() {
    let (url, deciding) = database("expiry").await;
    let event = signal(1, SignalStatus::Event, Severity::Medium);
    let opened = record(&deciding, &event).await.expect("recorded");
    let later = opened + SignedDuration::from_hours(2);
    let raise = [signal(2, SignalStatus::Firing, Severity::High)];
    let loaded = batch::load(&deciding.client, &raise, &policy(), PATIENCE).await.expect("loaded, and locked");

    let tick = open(&url).await;
    let short = Duration::from_millis(300);
    let window = policy().dedup_window;
    let waiting = events::expire(&tick.client, later, window, short).await;
    assert!(matches!(waiting, Err(Error::Timeout { .. })), "it waits for the lock of the fingerprint");
    drop(tick);

    let plan = decide(loaded.state, &loaded.undecided, &policy(), loaded.now);
    batch::apply(&deciding.client, &loaded.undecided, &plan, PATIENCE).await.expect("committed");
    let closed = events::expire(&deciding.client, later, window, PATIENCE).await.expect("looked");
    assert_eq!(closed, 0, "a source fires now");
    assert_eq!(count(&deciding, "select count(*) from watchkeeper.alerts where status = 'firing'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_about_an_alert_that_was_closed_meanwhile_commits_nothing() {
    let (url, deciding) = database("closed_meanwhile").await;
    record(&deciding, &signal(1, SignalStatus::Firing, Severity::Medium)).await.expect("recorded");
    let raise = signal(2, SignalStatus::Firing, Severity::High);
    let loaded =
        batch::load(&deciding.client, std::slice::from_ref(&raise), &policy(), PATIENCE).await.expect("loaded");
    let other = open(&url).await;
    let close = "update watchkeeper.alerts set status = 'resolved', resolved_at = now(), close_reason = 'manual'";
    other.client.batch_execute(close).await.expect("closed by hand");

    let plan = decide(loaded.state, &loaded.undecided, &policy(), loaded.now);
    let error = batch::apply(&deciding.client, &loaded.undecided, &plan, PATIENCE).await.expect_err("another world");
    assert_eq!(error.class(), Class::Outdated, "the message is decided anew: {error}");
    assert_eq!(count(&other, "select count(*) from watchkeeper.signals").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_whose_owner_fell_silent_is_ended_by_the_server() {
    let (_, deciding) = database("silent").await;
    batch::load(&deciding.client, &[signal(1, SignalStatus::Firing, Severity::High)], &policy(), PATIENCE)
        .await
        .expect("loaded");
    let rows = deciding.client.query_typed("show idle_in_transaction_session_timeout", &[]).await.expect("shown");
    assert_eq!(rows[0].get::<_, &str>(0), "10s");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_another_sender_took_meanwhile_is_decided_anew() {
    let (url, connection) = database("taken").await;
    let one = signal(1, SignalStatus::Firing, Severity::High);
    let loaded =
        batch::load(&connection.client, std::slice::from_ref(&one), &policy(), PATIENCE).await.expect("loaded");
    let other = open(&url).await;
    let fingerprint = Fingerprint::of("prod", "k", "another", &Default::default());
    record(&other, &Signal { id: Uuid::from_u128(2), fingerprint, ..one.clone() }).await.expect("recorded");
    let plan = decide(loaded.state, &loaded.undecided, &policy(), loaded.now);
    let error = batch::apply(&connection.client, &loaded.undecided, &plan, PATIENCE).await.expect_err("taken");
    assert_eq!(error.class(), Class::Outdated, "{error}");
}
