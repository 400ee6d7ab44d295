//! What is said when a database, its secret or CloudWatch is gone; and that it heals without a new sandbox.

use serde_json::json;
use testkit::postgres::Postgres;

use crate::world::{World, answer, check, refusal, watch_file};

fn one() -> String {
    check("one", "select 1 as n", &[("n", "N")])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_which_every_check_failed_is_raised_and_a_dry_run_of_that_sort_is_a_failed_run() {
    let world = World::new().await;
    let healthcheck = world.watching(&[check("wrong", "select nothing as n", &[("n", "W")]), one()]).await;
    let (error_type, message) = refusal(&healthcheck, json!({"checks": ["wrong"], "dry_run": true})).await;
    assert_eq!(error_type, "Failed");
    assert!(message.contains("wrong: column \"nothing\" does not exist"), "{message}");
    let summary = answer(&healthcheck, json!({"checks": ["wrong"]})).await;
    assert_eq!(summary["outcome"], "partial");
    let raised = world.raised().await;
    assert_eq!((&raised[0]["kind"], &raised[0]["subject"]), (&json!("check-failed"), &json!("wrong")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_gone_is_named_and_the_same_sandbox_recovers() {
    let mut postgres = Postgres::start().expect("a Postgres");
    let url = postgres.create_database("pipeline").expect("a database");
    let world = World::on("pipeline".to_owned(), url).await;
    let healthcheck = world.watching(&[one()]).await;
    assert_eq!(answer(&healthcheck, json!({})).await["outcome"], "ok");
    postgres.stop();
    let summary = answer(&healthcheck, json!({})).await;
    assert_eq!(summary["failed"][0]["name"], "pipeline");
    let error = summary["failed"][0]["error"].as_str().expect("why");
    assert!(error.contains("failed to connect to Postgres at 127.0.0.1:"), "{error}");
    postgres.start_again().expect("it starts");
    assert_eq!(answer(&healthcheck, json!({})).await["outcome"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_costs_only_its_own_checks() {
    let postgres = Postgres::start().expect("a Postgres");
    let hanging = postgres.create_database("pipeline").expect("a database");
    let world = World::new().await;
    world.put_parameter("local", "database/other_url", &hanging).await;
    let mut checks = vec![one()];
    for n in 0..20 {
        let other = check(&format!("other-{n}"), "select 1 as n", &[("n", &format!("Other{n}"))]);
        checks.push(other.replace("\"pipeline\"", "\"other\""));
    }
    let text = watch_file(&checks) + "[database.other]\nurl = \"ssm:database/other_url\"\nstatement_timeout = \"1s\"\n";
    let healthcheck = world.start(&world.write(&text), &[]).await;
    assert_eq!(answer(&healthcheck, json!({})).await["outcome"], "ok");
    postgres.pause();
    let summary = answer(&healthcheck, json!({})).await;
    postgres.resume();
    assert_eq!(summary["metrics"], json!({"N": 1.0}));
    assert_eq!(summary["failed"].as_array().map(Vec::len), Some(1), "{summary}");
    let took = summary["duration_ms"].as_u64().expect("a duration");
    assert!(took < 6_000, "one try is enough to know: {took} ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_missing_is_named_in_full_and_read_again_once_it_is_there() {
    let world = World::new().await;
    world.delete_parameter("database/pipeline_url").await;
    let healthcheck = world.watching(&[one()]).await;
    let (error_type, message) = refusal(&healthcheck, json!({"dry_run": true})).await;
    assert_eq!(error_type, "BadConfig");
    assert!(
        message.contains("/local/watchkeeper/database/pipeline_url") && message.contains("does not exist"),
        "{message}"
    );
    world.put_parameter("local", "database/pipeline_url", &world.database_url).await;
    assert_eq!(answer(&healthcheck, json!({})).await["outcome"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_shows_nowhere() {
    let world = World::new().await;
    let url = "postgres://me:hunter2@127.0.0.1:1/pipeline";
    world.put_parameter("local", "database/pipeline_url", url).await;
    let healthcheck = world.watching(&[one()]).await;
    let (_, message) = refusal(&healthcheck, json!({"dry_run": true})).await;
    world.put_parameter("local", "database/pipeline_url", "hunter2, which is no URL").await;
    let (_, no_url) = refusal(&healthcheck, json!({"dry_run": true})).await;
    for shown in [message, no_url, healthcheck.output()] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
