//! What checks remember, on a real Postgres.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use domain::condition::{Advanced, Condition, Lasting, Observed, advance, raise};
use domain::fingerprint::Labels;
use domain::{Severity, Timestamp};
use store::check_states::{self, Changes};
use store::{Connection, migrations, outbox};
use testkit::postgres::Postgres;

const PATIENCE: Duration = Duration::from_secs(10);

async fn database(name: &str) -> (secrecy::SecretString, Connection) {
    let url = Postgres::shared().create_database(name).expect("a database").into();
    let connection = Connection::open(&url, None).await.expect("a connection");
    migrations::migrate(&connection.client, None).await.expect("migrated");
    (url, connection)
}

fn beyond() -> Condition {
    Condition {
        check: "telemetry".to_owned(),
        metric: Some("TelemetryLag".to_owned()),
        kind: "metric".to_owned(),
        subject: "OPsPipeline/TelemetryLag".to_owned(),
        labels: Labels::from([("ticker".to_owned(), "ACME".to_owned())]),
        severity: Severity::High,
        lasting: Lasting::For(jiff::SignedDuration::ZERO),
        watched: true,
        observed: Observed::Beyond,
        value: Some(412.5),
        timed_out: false,
        summary: "TelemetryLag is 412.5".to_owned(),
        details: serde_json::Map::new(),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// One evaluation as healthcheck does it; how many signals it raised.
async fn evaluate(connection: &Connection, condition: &Condition, now: Timestamp) -> usize {
    let fingerprint = condition.fingerprint("prod");
    let record = check_states::load(&connection.client, PATIENCE).await.expect("loaded");
    let before = record.remembered.iter().find(|one| one.fingerprint == fingerprint).map(|one| one.state);
    let heard = record.heard.contains_key(&(fingerprint.clone(), condition.source()));
    let mut changes = Changes::default();
    if let Some(Advanced { state, told }) = advance(before.as_ref(), condition, heard, now) {
        changes.states.push((condition, fingerprint, state));
        changes.raised.extend(told.map(|change| raise(condition, change, "prod", now)));
    }
    let raised = changes.raised.len();
    check_states::apply(&connection.client, &changes, PATIENCE).await.expect("applied");
    raised
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_and_the_signal_that_tells_of_it_are_written_together_and_read_back_whole() {
    let (_, connection) = database("check_states").await;
    let condition = beyond();
    assert_eq!(evaluate(&connection, &condition, at("2026-03-01T06:00:00Z")).await, 1);
    let record = check_states::load(&connection.client, PATIENCE).await.expect("loaded");
    let [one] = record.remembered.as_slice() else { panic!("one row: {record:?}") };
    assert_eq!((one.check.as_str(), one.metric.as_deref()), ("telemetry", Some("TelemetryLag")));
    assert_eq!((one.kind.as_str(), one.subject.as_str()), ("metric", "OPsPipeline/TelemetryLag"));
    assert_eq!(one.labels, condition.labels);
    assert!(one.state.firing && one.state.value == Some(412.5));
    assert_eq!(one.state.breaching_since, Some(at("2026-03-01T06:00:00Z")));
    connection.client.batch_execute("rollback").await.expect("ended");
    let unsent = outbox::list_unsent(&connection.client, at("2100-01-01T00:00:00Z"), 10).await.expect("read");
    assert_eq!(unsent.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn evaluations_that_overlap_raise_one_signal_and_time_never_runs_backwards() {
    let (url, _keep) = database("overlapping_checks").await;
    let condition = beyond();
    let evaluations = (0..8).map(|second| {
        let (url, condition) = (&url, &condition);
        async move {
            let connection = Connection::open(url, None).await.expect("a connection");
            let now = at("2026-03-01T06:00:00Z") + jiff::SignedDuration::from_secs(second);
            evaluate(&connection, condition, now).await
        }
    });
    let raised: Vec<usize> = futures::future::join_all(evaluations).await;
    assert_eq!(raised.iter().sum::<usize>(), 1, "{raised:?}");
    let connection = Connection::open(&url, None).await.expect("a connection");
    let over = Condition { observed: Observed::Within, ..beyond() };
    assert_eq!(evaluate(&connection, &over, at("2026-03-01T05:00:00Z")).await, 0, "an evaluation of the past");
    assert_eq!(evaluate(&connection, &over, at("2026-03-01T06:05:00Z")).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluation_that_dies_between_reading_and_writing_bars_nobody() {
    let (url, connection) = database("dying_checks").await;
    let condition = beyond();
    let dying = Connection::open(&url, None).await.expect("a connection");
    check_states::load(&dying.client, PATIENCE).await.expect("it has the lock");
    drop(dying);
    assert_eq!(evaluate(&connection, &condition, at("2026-03-01T06:00:00Z")).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_router_heard_and_did_not_hear_the_end_of_is_read_with_the_states() {
    let (_, connection) = database("heard_checks").await;
    let condition = Condition { observed: Observed::Within, ..beyond() };
    let heard = format!(
        "insert into watchkeeper.alert_sources (fingerprint, source, status, severity, changed_at)
         values ('{0}', 'check:telemetry', 'firing', 'HIGH', now()), ('{0}', 'check:other', 'resolved', 'HIGH', now())",
        condition.fingerprint("prod")
    );
    connection.client.batch_execute(&heard).await.expect("heard");
    assert_eq!(evaluate(&connection, &condition, at("2026-03-01T06:00:00Z")).await, 1, "its end is told");
}
