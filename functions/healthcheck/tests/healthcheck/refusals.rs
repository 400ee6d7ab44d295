//! Good samples, which succeed in any order and twice; bad payloads and bad deployments, which are refused by name.

use serde_json::json;
use testkit::samples::samples;

use crate::world::{World, answer, check, refusal, watch_file};

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_succeeds_in_any_order_and_twice() {
    let world = World::new().await;
    world.execute("insert into lane_telemetry values ('ACME', now())");
    let healthcheck = world.start(&World::shipped(), &[]).await;
    let all = samples("events/healthcheck").expect("samples");
    for (name, event) in all.iter().chain(all.iter().rev()) {
        let summary = answer(&healthcheck, event.clone()).await;
        assert_eq!(summary["outcome"], "ok", "{name}: {summary}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refused_sample_is_refused_by_name_and_publishes_nothing() {
    let world = World::new().await;
    let healthcheck = world.start(&World::shipped(), &[]).await;
    // A sample is called after the field that is wrong.
    for (field, event) in samples("events/invalid/healthcheck").expect("samples") {
        let (error_type, message) = refusal(&healthcheck, event).await;
        assert_eq!(error_type, "BadPayload", "{field}");
        assert!(message.contains(&field), "{field}: {message}");
    }
    assert_eq!(world.metrics().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_watch_file_is_refused_with_file_line_and_key() {
    let world = World::new().await;
    let file = world.write(&watch_file(&[check("one", "select 1 as n", &[("n", "N")]) + "abvoe = 1\n"]));
    let (error_type, message) = refusal(&world.start(&file, &[]).await, json!({})).await;
    assert_eq!(error_type, "BadConfig");
    assert!(
        message.contains("watch.toml:11: check.one.metric.n.abvoe: unknown key (did you mean `above`?)"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_variable_or_file_is_refused_by_name() {
    let world = World::new().await;
    let (error_type, message) = refusal(&world.start(&World::shipped(), &[("ENVIRONMENT", "")]).await, json!({})).await;
    assert_eq!(error_type, "BadConfig");
    assert!(message.contains("ENVIRONMENT") && message.contains("template.yaml"), "{message}");
    let nowhere = std::path::Path::new("config/nowhere.toml");
    let (error_type, message) = refusal(&world.start(nowhere, &[]).await, json!({})).await;
    assert_eq!(error_type, "BadConfig");
    assert!(message.contains("config/nowhere.toml") && message.contains("WATCH_FILE"), "{message}");
}
