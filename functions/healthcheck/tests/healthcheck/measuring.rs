//! What is measured is published, and nothing that CloudWatch refuses goes along.

use jiff::Timestamp;
use serde_json::json;
use testkit::receivers::{Behaviour, Receivers};

use crate::world::{World, answer, check, watch_file};

#[tokio::test(flavor = "multi_thread")]
async fn the_lag_of_the_newest_row_becomes_a_metric() {
    let world = World::new().await;
    world.execute(
        "insert into lane_telemetry values ('ACME', now() - interval '10 minutes'), ('ACME', now() + interval '1 day')",
    );
    let healthcheck = world.start(&World::shipped(), &[("AWS_LAMBDA_FUNCTION_VERSION", "7")]).await;
    let summary = answer(&healthcheck, json!({"checks": ["telemetry"]})).await;
    let lag = summary["metrics"]["TelemetryLag"].as_f64().expect("a lag");
    assert!((600.0..660.0).contains(&lag), "a row from tomorrow must not make it look fresh: {lag}");
    let fields: Vec<_> = summary.as_object().expect("an object").keys().map(String::as_str).collect();
    let expected = [
        "did",
        "dry_run",
        "duration_ms",
        "environment",
        "failed",
        "function",
        "looked_at",
        "metrics",
        "now",
        "outcome",
        "release",
        "remaining",
        "run_id",
        "skipped",
    ];
    assert_eq!(fields, expected);
    for (field, value) in [
        ("function", json!("healthcheck")),
        ("environment", json!("local")),
        ("release", json!("7")),
        ("dry_run", json!(false)),
        ("outcome", json!("ok")),
        ("looked_at", json!({"checks": 1, "firing": 1})),
        ("did", json!({"measured": 2, "published": 2, "embedded": 0, "dropped": 0, "raised": 1})),
        ("failed", json!([])),
        ("remaining", json!([])),
    ] {
        assert_eq!(summary[field], value, "{field}");
    }
    let published = world.published("TelemetryLag").await;
    assert_eq!(published.len(), 1);
    assert_eq!(published[0].maximum, Some(lag));
    assert_eq!(published[0].unit.as_ref().map(|unit| unit.as_str().to_owned()), Some("Seconds".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_number_is_measured() {
    let world = World::new().await;
    let columns = [
        ("small", "(-3)::smallint", -3.0),
        ("whole", "42::int", 42.0),
        ("large", "9007199254740993::bigint", 9_007_199_254_740_992.0),
        ("single", "0.5::real", 0.5),
        ("double", "1e100::float8", 1e100),
        ("tenth", "0.1::numeric", 0.1),
        ("negative", "-123456789.000001::numeric", -123_456_789.000_001),
        ("tiny", "1e-20::numeric", 1e-20),
        ("thousands", "120000::numeric", 120_000.0),
        ("fraction", "(select 2.0::numeric / 3)", 2.0 / 3.0),
        ("zero", "0.000::numeric", 0.0),
        ("elapsed", "extract(epoch from interval '90 seconds')", 90.0),
        ("counted", "count(*)", 1.0),
    ];
    let select: Vec<_> = columns.iter().map(|(name, sql, _)| format!("{sql} as {name}")).collect();
    let metrics: Vec<_> = columns.iter().map(|(name, ..)| (*name, *name)).collect();
    let healthcheck = world.watching(&[check("numbers", &format!("select {}", select.join(", ")), &metrics)]).await;
    let summary = answer(&healthcheck, json!({})).await;
    assert_eq!(summary["failed"], json!([]));
    for (name, sql, value) in columns {
        assert_eq!(summary["metrics"][name].as_f64(), Some(value), "{sql}");
        assert_eq!(world.published(name).await[0].maximum, Some(value), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_table_has_no_lag_and_says_so() {
    let world = World::new().await;
    let healthcheck = world.start(&World::shipped(), &[]).await;
    let summary = answer(&healthcheck, json!({"checks": ["telemetry"]})).await;
    assert_eq!(summary["metrics"], json!({"BarsWritten10m": 0.0, "TelemetryLag": null}));
    assert_eq!(summary["outcome"], "ok");
    assert_eq!(world.metrics().await, ["BarsWritten10m", "TelemetryLagPresent"]);
    assert_eq!(world.published("TelemetryLagPresent").await[0].maximum, Some(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_is_confirmed_where_it_is_asked_for() {
    let world = World::new().await;
    let confirmed = check("rows", "select 5 as n", &[("n", "Rows")]) + "presence = true\n";
    let healthcheck = world.watching(&[confirmed]).await;
    answer(&healthcheck, json!({})).await;
    assert_eq!(world.metrics().await, ["Rows", "RowsPresent"]);
    assert_eq!(world.published("RowsPresent").await[0].maximum, Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cloudwatch_refuses_is_dropped_and_counted_and_costs_no_other() {
    let world = World::new().await;
    let sql = "select 'NaN'::float8 as a, 'Infinity'::float8 as b, 'NaN'::numeric as c, 1e400::numeric as d, 1 as e";
    let metrics = [("a", "A"), ("b", "B"), ("c", "C"), ("d", "D"), ("e", "E")];
    let healthcheck = world.watching(&[check("odd", sql, &metrics)]).await;
    let summary = answer(&healthcheck, json!({})).await;
    assert_eq!(summary["metrics"], json!({"A": null, "B": null, "C": null, "D": null, "E": 1.0}));
    let count = |what: &str| summary["did"][what].as_u64();
    assert_eq!((count("measured"), count("published"), count("dropped")), (Some(5), Some(5), Some(4)));
    assert_eq!(world.metrics().await, ["APresent", "BPresent", "CPresent", "DPresent", "E"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_measures_and_publishes_nothing() {
    let world = World::new().await;
    let healthcheck = world.watching(&[check("one", "select 1 as n", &[("n", "N")])]).await;
    let summary = answer(&healthcheck, json!({"dry_run": true})).await;
    assert_eq!(summary["metrics"], json!({"N": 1.0}));
    assert_eq!(summary["skipped"], json!([{"name": "publishing", "reason": "dry_run"}]));
    assert_eq!(world.metrics().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn data_are_dated_by_now_and_another_time_is_a_dry_run_outside_the_local_cloud() {
    let world = World::new().await;
    let file = world.write(&watch_file(&[check("one", "select 1 as n", &[("n", "N")])]));
    let healthcheck = world.start(&file, &[]).await;
    let clock = answer(&healthcheck, json!({"dry_run": true})).await["now"].as_str().and_then(|now| now.parse().ok());
    // Whole minutes, as statistics are kept; not so long ago that CloudWatch would forget it.
    let then: Timestamp =
        Timestamp::from_second((clock.map_or(0, Timestamp::as_second) - 3_600) / 60 * 60).expect("then");
    let replay = json!({"now": then});
    let summary = answer(&healthcheck, replay.clone()).await;
    assert_eq!((&summary["now"], &summary["dry_run"]), (&json!(then), &json!(false)));
    let dated = world.published("N").await[0].timestamp.expect("a date");
    assert_eq!(dated.secs(), then.as_second());

    world.put_parameter("dev", "database/pipeline_url", &world.database_url).await;
    let summary = answer(&world.start(&file, &[("ENVIRONMENT", "dev")]).await, replay).await;
    assert_eq!((&summary["environment"], &summary["dry_run"]), (&json!("dev"), &json!(true)));
    assert_eq!(summary["did"].get("published"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_checks_that_are_named_run() {
    let world = World::new().await;
    let checks = ["one", "two", "three"].map(|name| check(name, "select 1 as n", &[("n", name)]));
    let healthcheck = world.watching(&checks).await;
    let summary = answer(&healthcheck, json!({"checks": ["three", "one"]})).await;
    assert_eq!(summary["metrics"], json!({"one": 1.0, "three": 1.0}));
    assert_eq!(world.metrics().await, ["one", "three"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_data_go_into_one_call_and_one_more_into_a_second() {
    let world = World::new().await;
    let many = |name: &str, count: usize| {
        let columns: Vec<_> = (0..count).map(|n| format!("{n} as c{n}")).collect();
        let names: Vec<_> = (0..count).map(|n| (format!("c{n}"), format!("{name}{n}"))).collect();
        let metrics: Vec<_> = names.iter().map(|(column, metric)| (column.as_str(), metric.as_str())).collect();
        check(name, &format!("select {}", columns.join(", ")), &metrics)
    };
    let file = world.write(&watch_file(&[many("a", 500), many("b", 500), many("c", 1)]));
    let cloudwatch = Receivers::start().await.expect("a fake");
    // An empty answer in the protocol that the client speaks.
    cloudwatch.behave(Behaviour::answer("webhook", 200).header("smithy-protocol", "rpc-v2-cbor"));
    let endpoint = cloudwatch.hook_url();
    let healthcheck = world.start(&file, &[("AWS_ENDPOINT_URL_CLOUDWATCH", &endpoint)]).await;
    // The heartbeat is the last call of each run, and of its own.
    for (payload, calls) in [(json!({"checks": ["a", "b"]}), 1 + 1), (json!({}), 2 + 1)] {
        cloudwatch.clear();
        cloudwatch.behave(Behaviour::answer("webhook", 200).header("smithy-protocol", "rpc-v2-cbor"));
        answer(&healthcheck, payload).await;
        assert_eq!(cloudwatch.received().len(), calls);
    }
}
