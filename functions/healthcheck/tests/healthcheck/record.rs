//! With a record, without one, and in between: whatever holds is told, and what was told is told to be over.

use serde_json::{Value, json};
use testkit::receivers::{Behaviour, Receivers};
use testkit::runtime_api::Outcome;

use crate::world::{World, answer, check, refusal, watch_file};

fn lag() -> String {
    check(
        "telemetry",
        "select extract(epoch from now() - max(ts)) as lag from lane_telemetry",
        &[("lag", "TelemetryLag")],
    ) + "above = 180\nseverity = \"HIGH\"\nfor = \"0s\"\n"
}

fn stale(world: &World) {
    world.execute("truncate lane_telemetry; insert into lane_telemetry values ('ACME', now() - interval '1 hour')");
}

fn fresh(world: &World) {
    world.execute("insert into lane_telemetry values ('ACME', now())");
}

/// `kind subject status` of each signal, sorted.
fn told(signals: &[Value]) -> Vec<String> {
    let word = |signal: &Value, field: &str| signal[field].as_str().unwrap_or("?").to_owned();
    let mut told: Vec<String> = signals
        .iter()
        .map(|signal| format!("{} {} {}", word(signal, "kind"), word(signal, "subject"), word(signal, "status")))
        .collect();
    told.sort();
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_lets_nobody_in_is_one_alert_however_many_checks_ask_it() {
    let world = World::new().await;
    world.put_parameter("local", "database/pipeline_url", "postgres://me@127.0.0.1:1/pipeline").await;
    let more = (0..7).map(|n| check(&format!("more-{n}"), "select 1 as n", &[("n", &format!("More{n}"))]));
    let checks: Vec<String> = more.collect();
    let healthcheck = world.watching(&checks).await;
    let summary = answer(&healthcheck, json!({})).await;
    assert_eq!(summary["outcome"], "partial");
    assert_eq!(summary["failed"].as_array().map(Vec::len), Some(1), "{summary}");
    assert_eq!(told(&world.raised().await), ["check-failed pipeline firing"]);
    answer(&healthcheck, json!({})).await;
    assert_eq!(world.raised().await, Vec::<Value>::new(), "it is told once");
    world.put_parameter("local", "database/pipeline_url", &world.database_url).await;
    // SSM is asked again at most every few seconds for a secret that was refused: a new sandbox asks at once.
    let healthcheck = world.watching(&checks).await;
    answer(&healthcheck, json!({})).await;
    assert_eq!(told(&world.raised().await), ["check-failed pipeline resolved"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_record_is_gone_what_crosses_its_threshold_is_told_directly_and_its_end_is_told_later() {
    let (mut server, world) = World::with_own_store().await;
    let healthcheck = world.watching(&[lag()]).await;
    fresh(&world);
    answer(&healthcheck, json!({})).await;
    server.stop();
    stale(&world);
    let summary = answer(&healthcheck, json!({})).await;
    assert_eq!(summary["failed"][0]["name"], "watchkeeper", "{summary}");
    let direct = world.raised().await;
    assert_eq!(told(&direct), ["check-failed watchkeeper firing", "metric OPsPipeline/TelemetryLag firing"]);
    answer(&healthcheck, json!({})).await;
    assert_eq!(world.raised().await, Vec::<Value>::new(), "the sandbox remembers what it told");
    assert_eq!(world.published("TelemetryLag").await.len(), 1, "measurements go out all the same");

    server.start_again().expect("it starts");
    for signal in &direct {
        world.hear(signal).await;
    }
    fresh(&world);
    answer(&healthcheck, json!({})).await;
    let raised = told(&world.raised().await);
    assert_eq!(raised, ["check-failed watchkeeper resolved", "metric OPsPipeline/TelemetryLag resolved"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_neither_be_recorded_nor_raised_fails_the_run_and_the_heartbeat_is_missing() {
    let world = World::new().await;
    stale(&world);
    world.put_parameter("local", "database/url", "postgres://me@127.0.0.1:1/store").await;
    let file = world.write(&watch_file(&[lag()]));
    let healthcheck = world.start(&file, &[("ALERTS_QUEUE_URL", "http://queues.test/1/gone")]).await;
    let (error_type, message) = refusal(&healthcheck, json!({})).await;
    assert_eq!(error_type, "Unavailable");
    assert!(message.contains("neither recorded") && message.contains("127.0.0.1:1"), "{message}");
    assert_eq!(world.metrics().await, ["TelemetryLag"], "measurements go out, the heartbeat does not");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_takes_nothing_leaves_the_signal_on_record_for_the_retry_tick() {
    let world = World::new().await;
    stale(&world);
    let file = world.write(&watch_file(&[lag()]));
    let healthcheck = world.start(&file, &[("ALERTS_QUEUE_URL", "http://queues.test/1/gone")]).await;
    let summary = answer(&healthcheck, json!({})).await;
    assert_eq!(summary["failed"].as_array().map(Vec::len), Some(1), "{summary}");
    assert_eq!(world.stored("select count(*) from watchkeeper.signal_outbox where sent_at is null").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_too_old_is_an_error_and_what_crosses_its_threshold_is_told_all_the_same() {
    let world = World::new().await;
    stale(&world);
    world.stored("drop schema watchkeeper cascade").await;
    let healthcheck = world.watching(&[lag()]).await;
    let (error_type, message) = refusal(&healthcheck, json!({})).await;
    assert_eq!(error_type, "OldSchema");
    assert!(message.contains("run the migrator"), "{message}");
    assert_eq!(told(&world.raised().await), ["metric OPsPipeline/TelemetryLag firing"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_cloudwatch_takes_nothing_measurements_go_out_as_log_lines_and_the_heartbeat_is_missing() {
    let world = World::new().await;
    fresh(&world);
    let cloudwatch = Receivers::start().await.expect("a fake");
    cloudwatch.behave(Behaviour::answer("webhook", 403));
    let endpoint = cloudwatch.hook_url();
    let file = world.write(&watch_file(&[lag()]));
    let healthcheck = world.start(&file, &[("AWS_ENDPOINT_URL_CLOUDWATCH", &endpoint)]).await;
    let summary = answer(&healthcheck, json!({})).await;
    assert_eq!(summary["failed"][0]["name"], "publishing", "{summary}");
    assert_eq!(summary["did"]["embedded"], 1);
    let output = healthcheck.output();
    let line = output.lines().find(|line| line.contains("\"_aws\"")).expect("a line for CloudWatch");
    let document: Value = serde_json::from_str(&line[line.find('{').unwrap_or(0)..]).expect("JSON");
    assert!(document["TelemetryLag"].is_number(), "{document}");
    assert!(!output.contains("HealthcheckHeartbeat"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_heartbeat_is_sent_by_every_complete_run_and_by_no_dry_run() {
    let world = World::new().await;
    fresh(&world);
    let healthcheck = world.watching(&[lag()]).await;
    answer(&healthcheck, json!({"dry_run": true})).await;
    assert_eq!(world.published("HealthcheckHeartbeat").await.len(), 0);
    answer(&healthcheck, json!({})).await;
    assert_eq!(world.published("HealthcheckHeartbeat").await[0].maximum(), Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_the_process_dies_a_crossed_threshold_is_told() {
    let world = World::new().await;
    stale(&world);
    let file = world.write(&watch_file(&[lag()]));
    let log = tempfile::NamedTempFile::new().expect("a file");
    let traced = world.start(&file, &[("FAILPOINT_LOG", log.path().to_str().expect("a path"))]).await;
    answer(&traced, json!({})).await;
    let points = std::fs::read_to_string(log.path()).expect("the log").lines().count();
    assert!(points > 8, "{points} points");
    for n in 1..=points {
        world.stored("truncate watchkeeper.check_states, watchkeeper.signal_outbox, watchkeeper.ledger").await;
        world.raised().await;
        let doomed = world.start(&file, &[("FAILPOINT_ABORT_AT", &n.to_string())]).await;
        let died = doomed.invoke(&json!({})).await.expect("a process");
        assert!(matches!(died, Outcome::Died { .. }), "point {n}: {died}");
        let sound = world.start(&file, &[]).await;
        answer(&sound, json!({})).await;
        // What stands in the outbox is sent by the retry tick.
        let unsent = world.stored("select body from watchkeeper.signal_outbox where sent_at is null").await;
        let unsent = unsent.iter().map(|body| serde_json::from_str(body).expect("JSON"));
        let all: Vec<Value> = world.raised().await.into_iter().chain(unsent).collect();
        assert!(!all.is_empty(), "point {n}: nobody was told");
        for signal in &all {
            assert_eq!(told(std::slice::from_ref(signal)), ["metric OPsPipeline/TelemetryLag firing"], "point {n}");
        }
    }
    println!("killed at {points} points");
}

fn at(minute: u32) -> Value {
    json!({"now": format!("2026-03-01T06:{minute:02}:00Z")})
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_to_be_over_without_a_record_is_told_again_when_it_is_not() {
    let (mut server, world) = World::with_own_store().await;
    let healthcheck = world.watching(&[lag()]).await;
    stale(&world);
    answer(&healthcheck, at(0)).await;
    assert_eq!(told(&world.raised().await), ["metric OPsPipeline/TelemetryLag firing"]);
    server.stop();
    fresh(&world);
    answer(&healthcheck, at(5)).await;
    let direct = world.raised().await;
    assert_eq!(told(&direct), ["check-failed watchkeeper firing", "metric OPsPipeline/TelemetryLag resolved"]);
    server.start_again().expect("it starts");
    for signal in &direct {
        world.hear(signal).await;
    }
    stale(&world);
    answer(&healthcheck, at(10)).await;
    let raised = told(&world.raised().await);
    assert_eq!(raised, ["check-failed watchkeeper resolved", "metric OPsPipeline/TelemetryLag firing"]);
    answer(&healthcheck, at(15)).await;
    assert_eq!(world.raised().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_hangs_is_told_once_and_not_told_to_be_over_while_it_hangs() {
    let world = World::new().await;
    fresh(&world);
    let healthcheck = world.watching(&[lag()]).await;
    answer(&healthcheck, at(0)).await;
    // Another evaluation that never ends.
    let barrier = world.hold_the_turn().await;
    for minute in [5, 10] {
        answer(&healthcheck, at(minute)).await;
    }
    assert_eq!(told(&world.overheard().await), ["check-failed watchkeeper firing"]);
    drop(barrier);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_without_a_record_ends_when_nobody_asks_about_it_any_more() {
    let world = World::new().await;
    fresh(&world);
    let healthcheck = world.watching(&[lag()]).await;
    let stranger = domain::condition::Condition {
        check: "removed".to_owned(),
        metric: Some("Removed".to_owned()),
        kind: "metric".to_owned(),
        subject: "OPsPipeline/Removed".to_owned(),
        labels: domain::fingerprint::Labels::new(),
        severity: domain::Severity::High,
        lasting: domain::condition::Lasting::TwoEvaluations,
        watched: true,
        observed: domain::condition::Observed::Beyond,
        value: None,
        timed_out: false,
        summary: "told without a record".to_owned(),
        details: serde_json::Map::new(),
    };
    let since = "2026-03-01T05:00:00Z".parse().expect("an instant");
    let change = domain::condition::Change::Firing { since };
    let signal = domain::condition::raise(&stranger, change, "local", since);
    world.hear(&serde_json::from_str(&signal.body).expect("JSON")).await;
    answer(&healthcheck, at(0)).await;
    assert_eq!(told(&world.raised().await), ["metric OPsPipeline/Removed resolved"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_a_megabyte_is_quoted_in_brief() {
    let world = World::new().await;
    let healthcheck =
        world.watching(&[check("long", "select repeat('secretrow ', 120000)::int as n", &[("n", "N")])]).await;
    let summary = answer(&healthcheck, json!({})).await;
    assert!(summary.to_string().len() < 5_000);
    assert_eq!(told(&world.raised().await), ["check-failed long firing"]);
    assert!(healthcheck.output().len() < 50_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluation_of_the_past_says_that_a_later_one_stands() {
    let world = World::new().await;
    fresh(&world);
    let healthcheck = world.watching(&[lag()]).await;
    answer(&healthcheck, at(30)).await;
    let summary = answer(&healthcheck, at(0)).await;
    assert_eq!(summary["skipped"][0]["name"], "thresholds", "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_died_while_checks_were_asked_is_made_anew_and_nobody_hears_of_it() {
    let world = World::new().await;
    stale(&world);
    // The check ends every connection of our own database, as a failover does.
    let own = world.store_name();
    let kill = format!("select count(pg_terminate_backend(pid)) as n from pg_stat_activity where datname = '{own}'");
    let healthcheck = world.watching(&[lag(), check("failover", &kill, &[("n", "Ended")])]).await;
    let summary = answer(&healthcheck, at(0)).await;
    assert_eq!(summary["outcome"], "ok", "{summary}");
    assert_eq!(told(&world.raised().await), ["metric OPsPipeline/TelemetryLag firing"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_raised_is_not_ours_to_end_whatever_they_call_themselves() {
    let world = World::new().await;
    fresh(&world);
    let id = |kind: &str| {
        let none = domain::fingerprint::Labels::new();
        format!("{}/firing", domain::Fingerprint::of("local", kind, "orders", &none))
    };
    for kind in ["load", "metric"] {
        let signal = json!({
            "id": id(kind), "source": "check:nightly", "kind": kind, "subject": "orders", "status": "firing",
            "severity": "HIGH", "labels": {}, "occurred_at": "2026-03-01T05:00:00Z",
        });
        world.hear(&signal).await;
    }
    answer(&world.watching(&[lag()]).await, at(0)).await;
    assert_eq!(world.raised().await, Vec::<Value>::new());
}
