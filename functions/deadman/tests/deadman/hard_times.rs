//! While something that deadman needs is gone.

use serde_json::json;

use crate::world::{NIGHTLY, World, answer, evaluate, ping, refusal, watch_file};

const METRIC: &str = "
[heartbeat.medium-range]
signal = { metric = 'ForecastReady', dimensions = { ForecastType = 'medium_range' } }
every = '8h'
grace = '30m'
severity = 'CRITICAL'
";

#[tokio::test(flavor = "multi_thread")]
async fn while_postgres_is_gone_critical_metrics_are_decided_and_raised_without_it() {
    let (mut server, world) = World::with_own_store().await;
    let deadman = world.watching(&format!("{NIGHTLY}{METRIC}")).await;
    answer(&deadman, json!({})).await;
    server.stop();
    let cold = world.watching(&format!("{NIGHTLY}{METRIC}")).await;
    let scheduled = json!({ "scheduled_at": "2026-11-22T12:00:00Z" });
    let gone = answer(&cold, scheduled.clone()).await;
    assert_eq!((&gone["outcome"], &gone["did"]["raised"]), (&json!("partial"), &json!(1)), "{gone}");
    assert_eq!(gone["failed"][0]["name"], "database");
    let raised = world.raised().await;
    let [signal] = raised.as_slice() else { panic!("one signal: {raised:?}") };
    assert_eq!((&signal["subject"], &signal["status"]), (&json!("medium-range"), &json!("firing")));
    assert!(signal["id"].as_str().is_some_and(|id| id.ends_with("/firing/CRITICAL/2026-11-22T12:00:00Z")), "{signal}");
    answer(&cold, scheduled).await;
    assert!(world.raised().await.is_empty(), "the same sandbox does not repeat itself");
    let (kind, _) = refusal(&cold, json!({ "ping": { "heartbeat": "nightly", "signal": "success" } })).await;
    assert_eq!(kind, "Unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_not_missed_for_what_it_told_while_nothing_could_be_recorded() {
    let world = World::new().await;
    let deadman = world.watching(&format!("{NIGHTLY}{}", NIGHTLY.replace("nightly", "weekly"))).await;
    evaluate(&deadman, "00:00").await;
    // Both are due by 01:10. For half an hour nothing was evaluated, then Postgres is back.
    world.stored("update watchkeeper.leases set expires_at = now() - interval '30 minutes'").await;
    let back = evaluate(&deadman, "01:20").await;
    assert_eq!((&back["looked_at"]["down"], &back["skipped"][0]["name"]), (&json!(0), &json!("pings")), "{back}");
    // What one of them told at 00:55 comes again, minutes after that.
    evaluate(&deadman, "01:21").await;
    ping(&deadman, "success", "00:55").await;
    assert_eq!(evaluate(&deadman, "01:25").await["looked_at"]["down"], 0);
    assert!(world.raised().await.is_empty());
    // The other had told nothing.
    let down = evaluate(&deadman, "01:26").await;
    assert_eq!((&down["looked_at"]["down"], down["down"]["weekly"].is_string()), (&json!(1), true), "{down}");
    let raised = world.raised().await;
    let [signal] = raised.as_slice() else { panic!("one signal: {raised:?}") };
    assert!(signal["summary"].as_str().is_some_and(|said| said.contains("due by 01:10Z")), "{signal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_reported_by_name_and_stops_nothing() {
    let world = World::new().await;
    let unreadable = "
[heartbeat.orders]
signal = { sql = 'select last_success_at from no_such_table', database = 'pipeline' }
every = '1h'
grace = '10m'
";
    let deadman = world.watching(&format!("{NIGHTLY}{unreadable}")).await;
    let answered = evaluate(&deadman, "00:00").await;
    assert_eq!((&answered["outcome"], &answered["failed"][0]["name"]), (&json!("partial"), &json!("orders")));
    assert!(answered["failed"][0]["error"].as_str().is_some_and(|why| why.contains("no_such_table")), "{answered}");
    evaluate(&deadman, "01:09").await;
    assert!(world.raised().await.is_empty(), "neither alive nor dead");
    let down = evaluate(&deadman, "01:10").await;
    assert_eq!(down["looked_at"]["down"], 2);
    assert!(down["down"]["orders"].as_str().is_some_and(|said| said.contains("cannot be read since 00:00Z")), "{down}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudwatch_that_does_not_answer_is_unknown_and_the_rest_is_decided() {
    let world = World::new().await;
    let deadman = world
        .start(&watch_file(&format!("{NIGHTLY}{METRIC}")), &[("AWS_ENDPOINT_URL_CLOUDWATCH", "http://127.0.0.1:9")])
        .await;
    let answered = evaluate(&deadman, "00:00").await;
    let named: Vec<&str> =
        answered["failed"].as_array().expect("failures").iter().filter_map(|one| one["name"].as_str()).collect();
    assert!(named.contains(&"medium-range"), "{answered}");
    evaluate(&deadman, "01:10").await;
    let raised = world.raised().await;
    assert_eq!(raised.len(), 1, "{raised:?}");
    assert_eq!(raised[0]["subject"], "nightly");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_gone_leaves_signals_on_record_for_the_retry_tick() {
    let world = World::new().await;
    let extra = [("ALERTS_QUEUE_URL", "http://127.0.0.1:9/000000000000/gone")];
    let deadman = world.start(&watch_file(NIGHTLY), &extra).await;
    evaluate(&deadman, "00:00").await;
    let down = evaluate(&deadman, "01:10").await;
    assert_eq!(down["outcome"], "partial");
    let unsent = "select count(*)::text from watchkeeper.signal_outbox where sent_at is null";
    assert_eq!(world.stored(unsent).await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_and_a_query_function_that_are_not_there_are_named_and_told_when_their_time_has_passed() {
    let world = World::new().await;
    let elsewhere = "
[database.asked]
lambda = 'ops-pipeline-db-query'

[heartbeat.exports]
signal = { s3 = 's3://no-such-bucket/exports/{yyyymmdd}/' }
schedule = '0 20 * * *'
grace = '1h'

[heartbeat.orders]
signal = { sql = 'select max(at) as last_success_at from orders', database = 'asked' }
every = '1h'
grace = '10m'
";
    let deadman = world.watching(elsewhere).await;
    evaluate(&deadman, "19:30").await;
    let answered = evaluate(&deadman, "19:45").await;
    let failures = answered["failed"].as_array().expect("failures");
    let named: Vec<&str> = failures.iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(named, ["exports", "orders"], "{answered}");
    assert!(world.raised().await.is_empty());
    let down = evaluate(&deadman, "21:00").await;
    assert_eq!(down["looked_at"]["down"], 2, "{down}");
}
