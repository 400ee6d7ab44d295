//! Secrets that change while a sandbox lives, and an SSM that is gone.

use serde_json::Value;
use testkit::door::Door;
use testkit::postgres::Postgres;
use testkit::receivers::Behaviour;
use testkit::runtime_api::Options;

use crate::messages::{native, one};
use crate::world::{World, accepts, retry};

const NEW_KEY: &str = "fedcba9876543210fedcba9876543210";

fn keys_used(world: &World) -> Vec<String> {
    let received = world.receivers.received_by("pagerduty");
    received.iter().map(|request| request.json["routing_key"].as_str().unwrap_or("?").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_replaced_is_read_again_and_used_in_the_same_invocation() {
    let world = World::new().await;
    let router = world.router().await;
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    world.put_parameter("receivers/pagerduty", NEW_KEY).await;
    world.receivers.behave(Behaviour::answer("pagerduty", 401).times(1));
    accepts(&router, one(&native("memory", "firing", "HIGH", "06:00:00"))).await;
    let old = "0123456789abcdef0123456789abcdef";
    assert_eq!(keys_used(&world), [old, old, NEW_KEY]);
    assert_eq!(world.incidents(), ["HIGH open 1", "HIGH open 1"]);
    let outcomes = "select distinct outcome from watchkeeper.delivery_attempts";
    assert_eq!(world.column(outcomes).await, ["accepted"], "the page is not given up over it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_nobody_replaced_is_refused_once_and_the_others_are_told() {
    let world = World::new().await;
    let router = world.router().await;
    world.receivers.behave(Behaviour::answer("pagerduty", 401));
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!(keys_used(&world).len(), 1);
    assert_eq!(world.mails().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_address_that_changed_is_read_again_when_the_old_one_is_refused() {
    let world = World::new().await;
    let as_role = |role: &str| world.database_url.replacen("postgres@", &format!("{role}@"), 1);
    let admin = |sql: &str| Postgres::shared().execute("postgres", sql).expect(sql);
    admin("create role keeper_before superuser login");
    world.put_parameter("database/url", &as_role("keeper_before")).await;
    let router = world.router().await;
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    admin("alter role keeper_before rename to keeper_after");
    admin("select pg_terminate_backend(pid) from pg_stat_activity where usename like 'keeper_%'");
    world.put_parameter("database/url", &as_role("keeper_after")).await;
    accepts(&router, one(&native("memory", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!(world.decisions().await, ["opened", "opened"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_ssm_a_warm_router_goes_on_with_what_it_knows_and_says_so() {
    let world = World::new().await;
    let mut door = Door::to(world.aws_address()).await.expect("a door");
    let router = world.router_with(&[("AWS_ENDPOINT_URL_SSM", &door.url())], Options::default()).await;
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!(retry(&router, None).await["outcome"], "ok");
    door.close().await;
    // A refused key makes it ask.
    world.receivers.behave(Behaviour::answer("pagerduty", 401).times(1));
    accepts(&router, one(&native("memory", "firing", "HIGH", "06:00:00"))).await;
    accepts(&router, one(&native("swap", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!(world.incidents(), ["HIGH open 1", "HIGH open 1"], "only the one that was refused is missing");
    let summary = retry(&router, None).await;
    assert_eq!(summary["outcome"], "partial", "{summary}");
    let failed: Vec<&Value> = summary["failed"].as_array().expect("a list").iter().collect();
    let stale = failed.iter().find(|failure| failure["name"] == "ssm:receivers").expect("named");
    let said = stale["error"].as_str().unwrap_or_default();
    assert!(said.starts_with("SSM /local/watchkeeper/receivers could not be read again"), "{said}");
    assert!(said.contains("its values of") && said.ends_with("are used"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_ssm_a_cold_router_loses_nothing_and_works_once_ssm_is_back() {
    let world = World::new().await;
    let mut door = Door::to(world.aws_address()).await.expect("a door");
    let url = door.url();
    door.close().await;
    let extra = [("AWS_ENDPOINT_URL_SSM", url.as_str()), ("FAILPOINT_HASTE", "1")];
    let router = world.router_with(&extra, Options::default()).await;
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    assert!(router.output().contains("SSM parameter /local/watchkeeper/database/url"), "{}", router.output());
    assert_eq!((world.mails().await.len(), world.held().await), (1, 1), "mail needs no secret, and the message waits");
    door.open().await.expect("opened");
    retry(&router, None).await;
    assert_eq!((world.mails().await.len(), world.held().await), (0, 0));
    assert_eq!(world.incidents(), ["HIGH open 1"]);
}
