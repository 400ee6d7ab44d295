//! Whether anybody would hear of Watchkeeper itself.

use serde_json::{Value, json};

use crate::world::{World, answer, check};

fn one() -> String {
    check("one", "select 1 as n", &[("n", "N")])
}

fn at(instant: &str) -> Value {
    json!({"now": instant})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_nobody_is_subscribed_to_is_told_once_and_its_end_soon() {
    let world = World::new().await;
    world.unsubscribe_all("self").await;
    let healthcheck = world.watching(&[one()]).await;
    answer(&healthcheck, at("2026-03-01T06:00:00Z")).await;
    let raised = world.raised().await;
    let [signal] = raised.as_slice() else { panic!("one signal: {raised:?}") };
    assert_eq!((&signal["kind"], &signal["subject"]), (&json!("no-subscriber"), &json!("self")));
    assert_eq!((&signal["status"], &signal["severity"]), (&json!("firing"), &json!("HIGH")));
    assert!(signal["summary"].as_str().is_some_and(|text| text.contains("Confirm the subscription")), "{signal}");
    answer(&healthcheck, at("2026-03-01T06:05:00Z")).await;
    assert_eq!(world.raised().await, Vec::<Value>::new());
    world.subscribe_to("self").await;
    answer(&healthcheck, at("2026-03-01T06:10:00Z")).await;
    assert_eq!(world.raised().await[0]["status"], "resolved");
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_with_subscribers_are_asked_about_once_a_day() {
    let world = World::new().await;
    let healthcheck = world.watching(&[one()]).await;
    answer(&healthcheck, at("2026-03-01T06:00:00Z")).await;
    world.unsubscribe_all("pages").await;
    answer(&healthcheck, at("2026-03-01T06:05:00Z")).await;
    assert_eq!(world.raised().await, Vec::<Value>::new());
    answer(&healthcheck, at("2026-03-02T06:00:00Z")).await;
    assert_eq!(world.raised().await[0]["subject"], "pages");
}
