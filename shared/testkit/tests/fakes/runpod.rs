//! The fake RunPod is steered by another process as by a test, and refuses what RunPod refuses.

use serde_json::{Value, json};
use testkit::runpod::RunPod;

use crate::plain_http;

const START: &str = "2026-11-22T06:00:00Z";

async fn start() -> anyhow::Result<RunPod> {
    RunPod::start("key", &["gfs"], START.parse()?).await
}

/// Requests are sent from another thread: the server runs on the test's own. Status and JSON of the answer.
async fn send(fake: &RunPod, method: &'static str, path: &str, body: &Value) -> anyhow::Result<(Option<u16>, Value)> {
    let (url, path, body) = (fake.url(), path.to_owned(), body.to_string());
    let answer = tokio::task::spawn_blocking(move || plain_http::send(&url, method, &path, &body)).await??;
    Ok((plain_http::status(&answer), plain_http::json(&answer).unwrap_or_default()))
}

/// Starts a job with the key. The status of the answer; none where the server hung up.
async fn run(fake: &RunPod, body: &Value) -> anyhow::Result<Option<u16>> {
    let (url, body) = (fake.url(), body.to_string());
    let sent = tokio::task::spawn_blocking(move || {
        plain_http::send_with(&url, "POST", "/v2/gfs/run", "Authorization: Bearer key", &body)
    });
    Ok(plain_http::status(&sent.await??))
}

#[tokio::test]
async fn without_its_key_nothing_is_said_and_nothing_taken() -> anyhow::Result<()> {
    let fake = start().await?;
    let run = json!({"input": {"run_id": "r"}});
    assert_eq!(send(&fake, "POST", "/v2/gfs/run", &run).await?.0, Some(401));
    assert!(fake.jobs().is_empty() && fake.asked().len() == 1);
    Ok(())
}

#[tokio::test]
async fn a_cut_before_takes_nothing_and_a_failure_after_takes_the_job() -> anyhow::Result<()> {
    let fake = start().await?;
    send(&fake, "POST", "/behave", &json!({"integration": "run", "cut": "before", "times": 1})).await?;
    send(&fake, "POST", "/behave", &json!({"integration": "run", "cut": "after", "status": 500, "times": 1})).await?;
    assert_eq!((run(&fake, &json!({"input": {}})).await?, fake.jobs().len()), (None, 0));
    assert_eq!((run(&fake, &json!({"input": {}})).await?, fake.jobs().len()), (Some(500), 1));
    assert_eq!((run(&fake, &json!({"input": {}})).await?, fake.jobs().len()), (Some(200), 2));
    let (status, said) = send(&fake, "POST", "/behave", &json!({"integration": "runsync"})).await?;
    assert_eq!(status, Some(400));
    assert!(said["error"].as_str().is_some_and(|said| said.contains("run, status, cancel")), "{said}");
    Ok(())
}

#[tokio::test]
async fn limits_and_inputs_that_runpod_refuses_are_refused() -> anyhow::Result<()> {
    let fake = start().await?;
    for refused in [
        json!({}),
        json!({"input": "text"}),
        json!({"input": {}, "policy": {"executionTimeout": 5000}}),
        json!({"input": {}, "policy": {"ttl": 9999}}),
        json!({"input": {}, "policy": {"ttl": 7 * 86_400_000 + 1}}),
    ] {
        assert_eq!(run(&fake, &refused).await?, Some(400), "{refused}");
    }
    assert!(fake.jobs().is_empty());
    Ok(())
}

#[tokio::test]
async fn another_process_plays_the_worker_and_sets_the_clock() -> anyhow::Result<()> {
    let fake = start().await?;
    let hook = "https://hooks.example.com/done";
    run(&fake, &json!({"input": {"run_id": "r", "attempt": 1}, "webhook": hook})).await?;
    let id = fake.jobs()[0].id.clone();
    let path = format!("/jobs/{id}");
    assert_eq!(send(&fake, "POST", &path, &json!({"begin": true})).await?.0, Some(204));
    assert_eq!(send(&fake, "POST", &path, &json!({"begin": true})).await?.0, Some(409), "it has begun");
    assert_eq!(send(&fake, "POST", &path, &json!({"complete": {"key": "k"}})).await?.0, Some(204));
    assert_eq!(send(&fake, "POST", &path, &json!({"fail": "late"})).await?.0, Some(409), "it has ended");
    let (_, posted) = send(&fake, "GET", "/webhooks", &Value::Null).await?;
    assert_eq!((posted[0]["url"].as_str(), posted[0]["body"]["status"].as_str()), (Some(hook), Some("COMPLETED")));
    assert_eq!(posted[0]["body"]["input"], json!({"run_id": "r", "attempt": 1}));

    send(&fake, "POST", "/clock", &json!({"now": "2026-11-22T06:30:00Z"})).await?;
    let (_, jobs) = send(&fake, "GET", "/jobs", &Value::Null).await?;
    assert_eq!((&jobs[0]["forgotten"], &jobs[0]["status"]), (&json!(true), &json!("COMPLETED")));
    assert_eq!(fake.taken("r", 1), 1, "what was forgotten is still counted");
    Ok(())
}
