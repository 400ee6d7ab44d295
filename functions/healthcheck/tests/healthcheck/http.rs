//! Checks that call HTTP endpoints: a real server, and addresses that are not to be called.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::receivers::{Behaviour, Cut, Receivers};

use crate::world::{World, answer, check, watch_file};

/// A check of an endpoint with every quantity there is.
fn calling(url: &str, expect: &str) -> String {
    format!(
        "[check.public-api]\nhttp = \"{url}\"\nexpect = {{ {expect} }}\ntimeout = \"2s\"\nseverity = \"CRITICAL\"\nfor = \"0s\"\n\
         [check.public-api.metric.latency]\nname = \"Latency\"\n[check.public-api.metric.status]\nname = \"Status\"\n"
    )
}

async fn measured(world: &World, check: String) -> Value {
    let healthcheck = world.start(&world.write(&watch_file(&[check])), &[]).await;
    answer(&healthcheck, json!({})).await
}

/// Whether it failed, the status it had, and what was raised, if anything was.
async fn outcome(world: &World, check: String) -> (Value, Value, String) {
    let summary = measured(world, check).await;
    assert_eq!(summary["failed"], json!([]), "an endpoint that fails is no check that fails");
    let raised = world.raised().await;
    let said = raised.first().and_then(|signal| signal["summary"].as_str()).unwrap_or_default().to_owned();
    let metrics = &summary["metrics"];
    (metrics["PublicApiFailing"].clone(), metrics["Status"].clone(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_answers_as_expected_does_not_fail() {
    let world = World::new().await;
    let server = Receivers::start().await.expect("a server");
    let expect = "status = 200, within = \"2s\", body = \"\\\"ok\\\"\"";
    let summary = measured(&world, calling(&server.hook_url(), expect)).await;
    let metrics = &summary["metrics"];
    assert_eq!((&metrics["PublicApiFailing"], &metrics["Status"]), (&json!(0.0), &json!(200.0)));
    assert!(metrics["Latency"].as_f64().is_some_and(|seconds| seconds < 2.0), "{metrics}");
    assert_eq!(world.raised().await.len(), 0);
    assert_eq!(world.published("PublicApiFailing").await[0].maximum, Some(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_not_as_expected_fails_and_says_how() {
    let server = Receivers::start().await.expect("a server");
    let elsewhere = Receivers::start().await.expect("a server");
    for (behaviour, expect, status, said) in [
        (Behaviour::answer("webhook", 503), "", json!(503.0), "answered 503, expected 200"),
        (
            Behaviour::answer("webhook", 302).header("location", &elsewhere.hook_url()),
            "",
            json!(302.0),
            "answered 302, expected 200",
        ),
        (Behaviour::answer("webhook", 200), "status = 204", json!(200.0), "answered 200, expected 204"),
        (Behaviour::answer("webhook", 200), "body = \"fine\"", json!(200.0), "answered without `fine`"),
        (
            Behaviour::late("webhook", Duration::from_millis(1_200)),
            "within = \"1s\"",
            json!(200.0),
            "expected within 1.0s",
        ),
        (Behaviour::late("webhook", Duration::from_secs(20)), "", json!(null), "no answer within 2.0s"),
        (Behaviour::cut("webhook", Cut::Before), "", json!(null), "no answer: "),
    ] {
        let world = World::new().await;
        server.clear();
        server.behave(behaviour);
        let (failing, had, raised) = outcome(&world, calling(&server.hook_url(), expect)).await;
        assert_eq!((&failing, &had), (&json!(1.0), &status), "{said}");
        assert!(raised.contains(said), "{said}: {raised}");
        assert_eq!(server.received().len(), 1, "asked once: {said}");
    }
    assert_eq!(elsewhere.received().len(), 0, "redirects are not followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_at_home_is_an_answer_too() {
    let world = World::new().await;
    let server = Receivers::start().await.expect("a server");
    let url = server.hook_url();
    drop(server);
    let (failing, status, raised) = outcome(&world, calling(&url, "")).await;
    assert_eq!((failing, status), (json!(1.0), json!(null)));
    assert!(raised.contains("no answer: ") && raised.contains("onnection refused"), "{raised}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_inside_is_not_called_and_costs_no_other_check() {
    let world = World::new().await;
    let fine = check("one", "select 1 as n", &[("n", "N")]);
    for url in ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[::ffff:127.0.0.1]/"] {
        let file = world.write(&watch_file(&[calling(url, ""), fine.clone()]));
        let healthcheck = world.start(&file, &[]).await;
        let summary = answer(&healthcheck, json!({})).await;
        assert_eq!(summary["metrics"], json!({"N": 1.0}));
        let error = summary["failed"][0]["error"].as_str().unwrap_or_default();
        assert!(error.contains("is not a public address"), "{url}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_may_be_a_secret_and_then_shows_nowhere() {
    let world = World::new().await;
    let server = Receivers::start().await.expect("a server");
    server.behave(Behaviour::answer("webhook", 500));
    world.put_parameter("local", "database/status_url", &format!("{}/hunter2", server.hook_url())).await;
    let check = calling("ssm:database/status_url", "");
    let file = world.write(&watch_file(&[check]));
    let healthcheck = world.start(&file, &[]).await;
    let summary = answer(&healthcheck, json!({})).await;
    assert_eq!(summary["metrics"]["PublicApiFailing"], json!(1.0));
    assert!(server.received()[0].path.ends_with("/hunter2"));
    world.delete_parameter("database/status_url").await;
    let healthcheck = world.start(&file, &[]).await;
    let error = answer(&healthcheck, json!({})).await["failed"][0]["error"].to_string();
    assert!(error.contains("/local/watchkeeper/database/status_url") && error.contains("does not exist"), "{error}");
    for shown in [summary.to_string(), format!("{:?}", world.raised().await), healthcheck.output()] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
