//! Alarms whose notification was lost, and what CloudWatch says about them.

use aws_sdk_cloudwatch::types::{ComparisonOperator, Dimension, StateValue, Statistic};
use serde_json::{Value, json};
use testkit::runtime_api::Sandbox;

use crate::world::{World, retry};

/// Runs a reconcile tick so many minutes from now.
async fn reconcile(world: &World, router: &Sandbox, minutes: usize) -> Value {
    let tick = json!({"tick": "reconcile", "now": world.in_minutes(minutes).await});
    let outcome = router.invoke(&tick).await.expect("a process");
    outcome.answered().unwrap_or_else(|error| panic!("{error:#}\n{}", router.output()))
}

/// An alarm of this stack, or of somebody else, on a metric of its own name.
async fn alarm(world: &World, name: &str, notifies: &str) {
    let put = world.cloudwatch().put_metric_alarm().alarm_name(name).namespace("Acme").metric_name(name);
    let environment = Dimension::builder().name("Environment").value("prod").build();
    let put = put.dimensions(environment).dimensions(Dimension::builder().name("Queue").value("orders").build());
    let put = put.comparison_operator(ComparisonOperator::GreaterThanThreshold).threshold(1.0);
    let put = put.statistic(Statistic::Maximum).period(60).evaluation_periods(1);
    put.alarm_actions(notifies).ok_actions(notifies).send().await.expect("an alarm");
}

async fn state(world: &World, name: &str, state: StateValue) {
    let set = world.cloudwatch().set_alarm_state().alarm_name(name).state_value(state);
    set.state_reason("the test says so").send().await.expect("a state");
}

/// Subject, status and close reason of every alert.
async fn alerts(world: &World) -> Vec<String> {
    let sql = "select concat_ws(' ', subject, status, close_reason) from watchkeeper.alerts order by opened_at";
    world.column(sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_whose_notification_was_lost_pages_once_and_its_lost_end_heals() {
    let world = World::new().await;
    let router = world.router().await;
    alarm(&world, "lag", &world.alarms_topic_arn()).await;
    state(&world, "lag", StateValue::Alarm).await;
    assert_eq!(reconcile(&world, &router, 0).await["looked_at"]["notifications_lost"], 0, "it may be under way");
    let summary = reconcile(&world, &router, 2).await;
    assert_eq!((&summary["looked_at"]["alarms"], &summary["did"]["signals_recorded"]), (&json!(1), &json!(1)));
    assert_eq!(world.incidents(), ["HIGH open 1"]);
    reconcile(&world, &router, 7).await;
    assert_eq!(world.incidents(), ["HIGH open 1"], "what is known is not told again");
    let signals =
        world.rows("select kind, subject, environment, labels ->> 'Queue', sender from watchkeeper.signals").await;
    assert_eq!(signals, [["metric", "Acme/lag", "prod", "orders", "topic:alarms"]], "as its notification says it");

    state(&world, "lag", StateValue::Ok).await;
    reconcile(&world, &router, 9).await;
    assert_eq!(alerts(&world).await, ["Acme/lag firing"], "it has not been OK for ten minutes");
    reconcile(&world, &router, 12).await;
    assert_eq!(alerts(&world).await, ["Acme/lag resolved recovered"]);
    assert_eq!(world.incidents(), ["HIGH resolved 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn healthy_alarms_and_alarms_of_others_make_no_sound() {
    let world = World::new().await;
    let router = world.router().await;
    alarm(&world, "fine", &world.alarms_topic_arn()).await;
    state(&world, "fine", StateValue::Ok).await;
    alarm(&world, "theirs", &world.alarms_topic_arn().replace(":alarms", ":theirs")).await;
    state(&world, "theirs", StateValue::Alarm).await;
    alarm(&world, "quiet", &world.alarms_topic_arn()).await;
    world.cloudwatch().disable_alarm_actions().alarm_names("quiet").send().await.expect("disabled");
    state(&world, "quiet", StateValue::Alarm).await;
    let summary = reconcile(&world, &router, 20).await;
    let looked_at = &summary["looked_at"];
    assert_eq!((&looked_at["alarms"], &looked_at["alarms_of_others"]), (&json!(1), &json!(2)), "{summary}");
    assert_eq!(alerts(&world).await, Vec::<String>::new());
    assert!(world.mails().await.is_empty() && world.incidents().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_that_was_deleted_while_it_fired_is_over() {
    let world = World::new().await;
    let router = world.router().await;
    alarm(&world, "lag", &world.alarms_topic_arn()).await;
    state(&world, "lag", StateValue::Alarm).await;
    reconcile(&world, &router, 2).await;
    world.cloudwatch().delete_alarms().alarm_names("lag").send().await.expect("deleted");
    reconcile(&world, &router, 3).await;
    assert_eq!(alerts(&world).await, ["Acme/lag resolved recovered"]);
    let said = world.column("select summary from watchkeeper.signals where status = 'resolved'").await;
    assert!(said[0].contains("The alarm lag does not exist any more"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_was_lost_and_changes_nothing() {
    let world = World::new().await;
    let router = world.router().await;
    alarm(&world, "lag", &world.alarms_topic_arn()).await;
    state(&world, "lag", StateValue::Alarm).await;
    let tick = json!({"tick": "reconcile", "now": world.in_minutes(2).await, "dry_run": true});
    let summary = router.invoke(&tick).await.expect("a process").answered().expect("a summary");
    assert_eq!(summary["looked_at"]["notifications_lost"], 1, "{summary}");
    assert_eq!(alerts(&world).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn more_alarms_than_one_page_holds_are_all_looked_at() {
    let world = World::new().await;
    let router = world.router().await;
    for n in 0..103 {
        alarm(&world, &format!("a-{n:03}"), &world.alarms_topic_arn()).await;
    }
    state(&world, "a-102", StateValue::Alarm).await;
    let summary = reconcile(&world, &router, 2).await;
    assert_eq!(summary["looked_at"]["alarms"], 103);
    assert_eq!(alerts(&world).await, ["Acme/a-102 firing"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_breaks_off_fails_the_tick_and_ends_nothing() {
    let world = World::new().await;
    let router = world.router().await;
    alarm(&world, "lag", &world.alarms_topic_arn()).await;
    state(&world, "lag", StateValue::Alarm).await;
    reconcile(&world, &router, 2).await;
    world.cloudwatch().delete_alarms().alarm_names("lag").send().await.expect("deleted");
    // Nobody listens there.
    let blind = world.router_with(&[("AWS_ENDPOINT_URL_CLOUDWATCH", "http://127.0.0.1:1")], Default::default()).await;
    let tick = json!({"tick": "reconcile", "now": world.in_minutes(3).await});
    let failed = blind.invoke(&tick).await.expect("a process").to_string();
    assert!(failed.contains("CloudWatch named 0 of its alarms, then"), "{failed}");
    assert_eq!(alerts(&world).await, ["Acme/lag firing"]);
    retry(&blind, None).await;
}
