//! The shipped checks on the example pipeline: what they see, and what they must not be fooled by.

use serde_json::json;

use crate::world::{World, answer};

#[tokio::test(flavor = "multi_thread")]
async fn the_pipeline_as_it_is_seeded_is_healthy() {
    let world = World::new().await;
    world.execute("insert into lane_telemetry values ('ACME', now())");
    let healthcheck = world.start(&World::shipped(), &[]).await;
    let summary = answer(&healthcheck, json!({})).await;
    assert_eq!((&summary["outcome"], &summary["looked_at"]), (&json!("ok"), &json!({"checks": 6, "firing": 0})));
    let metrics = summary["metrics"].as_object().expect("metrics");
    assert_eq!(metrics.len(), 9, "{metrics:?}");
    assert_eq!((&metrics["UnfinishedRuns"], &metrics["DuplicateExecutions"]), (&json!(0.0), &json!(0.0)));
    assert!(metrics["FeaturesComputed10m"].as_f64().is_some_and(|count| count >= 3.0), "{metrics:?}");
    let present = world.published("RecommendationLagPresent").await;
    assert_eq!(present[0].maximum, Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_table_costs_no_other_metric_and_shows_as_absent() {
    let world = World::new().await;
    world.execute("insert into lane_telemetry values ('ACME', now()); truncate lane_features");
    let healthcheck = world.start(&World::shipped(), &[]).await;
    let summary = answer(&healthcheck, json!({})).await;
    assert_eq!(summary["metrics"]["FeatureLag"], json!(null));
    assert_eq!(summary["metrics"]["FeaturesComputed10m"], json!(0.0));
    let published = world.metrics().await;
    for (name, there) in [
        ("FeatureLag", false),
        ("FeatureLagPresent", true),
        ("TelemetryLag", true),
        ("WatchlistLag", true),
        ("RecommendationLag", true),
        ("ExecutionLag", true),
        ("UnfinishedRuns", true),
        ("DuplicateExecutions", true),
    ] {
        assert_eq!(published.iter().any(|metric| metric == name), there, "{name}: {published:?}");
    }
    assert_eq!(world.published("FeatureLagPresent").await[0].maximum, Some(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_over_its_time_is_unfinished_and_one_that_has_just_begun_is_not() {
    let world = World::new().await;
    let healthcheck = world.start(&World::shipped(), &[]).await;
    let only = json!({"checks": ["runs"]});
    for (begun, unfinished) in [("1 minute", 0.0), ("1 hour", 1.0), ("30 days", 2.0)] {
        world.execute(&format!("insert into dispatcher_runs (started_at) values (now() - interval '{begun}')"));
        let summary = answer(&healthcheck, only.clone()).await;
        assert_eq!(summary["metrics"]["UnfinishedRuns"], json!(unfinished), "{begun}");
    }
    world.execute("update dispatcher_runs set finished_at = now()");
    assert_eq!(answer(&healthcheck, only).await["metrics"]["UnfinishedRuns"], json!(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_counts_for_a_day_and_not_for_ever() {
    let world = World::new().await;
    let healthcheck = world.start(&World::shipped(), &[]).await;
    let only = json!({"checks": ["executions"]});
    let twice = |ago: &str| {
        format!(
            "insert into dispatch_executions (recommendation_id, executed_at)
             select id, now() - interval '{ago}' from (select min(id) as id from dispatch_recommendations) as first,
             generate_series(1, 2)"
        )
    };
    for (ago, duplicates) in [("25 hours", 0.0), ("1 minute", 1.0)] {
        world.execute(&twice(ago));
        let summary = answer(&healthcheck, only.clone()).await;
        assert_eq!(summary["metrics"]["DuplicateExecutions"], json!(duplicates), "{ago}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_from_the_future_make_nothing_look_fresh() {
    let world = World::new().await;
    world.execute("insert into lane_telemetry values ('ACME', now() + interval '1 day')");
    for (table, column) in [
        ("lane_features", "computed_at"),
        ("watchlist_state", "updated_at"),
        ("dispatch_executions", "executed_at"),
        ("dispatch_recommendations", "created_at"),
    ] {
        world.execute(&format!("delete from {table} where {column} <= now()"));
    }
    let healthcheck = world.start(&World::shipped(), &[]).await;
    let summary = answer(&healthcheck, json!({})).await;
    for metric in ["TelemetryLag", "FeatureLag", "WatchlistLag", "RecommendationLag", "ExecutionLag"] {
        assert_eq!(summary["metrics"][metric], json!(null), "{metric}");
    }
    for metric in ["BarsWritten10m", "FeaturesComputed10m"] {
        assert_eq!(summary["metrics"][metric], json!(0.0), "{metric}");
    }
}
