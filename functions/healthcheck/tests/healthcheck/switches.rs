//! Checks are switched off and on in SSM while their function runs, and SSM may be gone.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::door::Door;
use testkit::runtime_api::Sandbox;

use crate::world::{World, answer, check, watch_file};

/// Two checks, of which `lag` hangs on a switch.
fn checks() -> [String; 2] {
    let lag = check("lag", "select 1 as n", &[("n", "Lag")]);
    let lag = lag.replacen("sql =", "switch = \"enable_lag\"\nsql =", 1);
    [lag, check("count", "select 2 as n", &[("n", "Count")])]
}

/// What was measured, and what was skipped by name.
fn told(summary: &Value) -> (Value, Vec<&str>) {
    let skipped = summary["skipped"].as_array().expect("a list").iter();
    let named = skipped.filter_map(|skipped| skipped["name"].as_str()).filter(|name| *name != "publishing");
    (summary["metrics"].clone(), named.collect())
}

async fn dry_run(healthcheck: &Sandbox) -> Value {
    answer(healthcheck, json!({"dry_run": true})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_is_switched_off_is_skipped_by_name_and_the_others_run() {
    let world = World::new().await;
    for (value, lag_is_measured) in [("false", false), (" OFF ", false), ("true", true)] {
        world.put_switch("enable_lag", value).await;
        let healthcheck = world.watching(&checks()).await;
        let summary = answer(&healthcheck, json!({})).await;
        let (metrics, skipped) = told(&summary);
        assert_eq!(metrics["Count"], json!(2.0), "{value}: {summary}");
        assert_eq!(metrics.get("Lag").is_some(), lag_is_measured, "{value}: {summary}");
        assert_eq!(skipped.contains(&"lag"), !lag_is_measured, "{value}: {summary}");
        assert_eq!(summary["outcome"], "ok", "switched off on purpose: {summary}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_says_neither_counts_as_on_and_is_complained_about() {
    let world = World::new().await;
    world.put_switch("enable_lag", "perhaps").await;
    let healthcheck = world.watching(&checks()).await;
    assert_eq!(told(&dry_run(&healthcheck).await), (json!({"Lag": 1.0, "Count": 2.0}), vec![]));
    let log = healthcheck.output();
    let complaint = log.lines().find(|line| line.contains("/local/watchkeeper/features/enable_lag"));
    let complaint = complaint.expect("a complaint that names the parameter");
    assert!(complaint.contains("ERROR") && complaint.contains("expected true or false"), "{complaint}");
}

/// No clock can be passed into a process, so this one waits as people would.
#[tokio::test(flavor = "multi_thread")]
async fn a_switch_acts_on_a_running_function_within_a_minute() {
    let world = World::new().await;
    let healthcheck = world.watching(&checks()).await;
    assert_eq!(told(&dry_run(&healthcheck).await).1, Vec::<&str>::new(), "what nobody switched off is on");
    let pid = healthcheck.pid();
    world.put_switch("enable_lag", "false").await;
    let set = Instant::now();
    loop {
        let summary = dry_run(&healthcheck).await;
        if told(&summary) == (json!({"Count": 2.0}), vec!["lag"]) {
            break;
        }
        assert!(set.elapsed() < Duration::from_secs(60), "it does not act: {summary}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(healthcheck.pid(), pid, "the same process");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_ssm_a_warm_function_measures_on_and_says_that_its_values_are_old() {
    let world = World::new().await;
    let mut ssm = Door::to(world.aws_address()).await.expect("a door");
    let server = world.database_url.split(['@', '/']).find(|part| part.contains(':') && part.contains('.'));
    let server = server.expect("host and port");
    let mut database = Door::to(server).await.expect("a door");
    let through_the_door = world.database_url.replacen(server, &database.address(), 1);
    world.put_parameter("local", "database/pipeline_url", &through_the_door).await;
    let file = world.write(&watch_file(&checks()));
    let healthcheck = world.start(&file, &[("AWS_ENDPOINT_URL_SSM", &ssm.url())]).await;
    assert_eq!(dry_run(&healthcheck).await["outcome"], "ok");
    ssm.close().await;
    // A database that lets nobody in may have moved, which makes it ask.
    database.close().await;
    assert_eq!(dry_run_or_refusal(&healthcheck).await, None, "nothing could be measured");
    database.open().await.expect("opened");
    let summary = dry_run(&healthcheck).await;
    assert_eq!(told(&summary).0, json!({"Lag": 1.0, "Count": 2.0}), "{summary}");
    let failed = summary["failed"].as_array().expect("a list");
    let stale = failed.iter().find(|failure| failure["name"] == "ssm:database").expect("named");
    let said = stale["error"].as_str().unwrap_or_default();
    assert!(said.starts_with("SSM /local/watchkeeper/database could not be read again"), "{said}");
    assert!(said.contains("its values of") && said.ends_with("are used"), "{said}");
    assert_eq!(summary["outcome"], "partial");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_ssm_a_cold_function_says_so_and_works_once_ssm_is_back() {
    let world = World::new().await;
    let mut door = Door::to(world.aws_address()).await.expect("a door");
    door.close().await;
    let file = world.write(&watch_file(&checks()));
    let healthcheck = world.start(&file, &[("AWS_ENDPOINT_URL_SSM", &door.url())]).await;
    assert_eq!(dry_run_or_refusal(&healthcheck).await, None);
    assert!(healthcheck.output().contains("SSM /local/watchkeeper/database could not be read"));
    door.open().await.expect("opened");
    let summary = dry_run(&healthcheck).await;
    assert_eq!(told(&summary).0, json!({"Lag": 1.0, "Count": 2.0}), "{summary}");
}

/// The summary of a dry run, unless the run is refused because nothing could be measured.
async fn dry_run_or_refusal(healthcheck: &Sandbox) -> Option<Value> {
    healthcheck.invoke(&json!({"dry_run": true})).await.expect("a process").answered().ok()
}
