//! A sandbox treats its function as Lambda does: warm while it lives, fresh once it died, killed when it is late.
//!
//! The function is this very test program: `plays_the_function` does nothing unless a sandbox started it.

#![expect(clippy::disallowed_methods, reason = "it plays a function, and reads what Lambda gives one")]

use std::path::PathBuf;
use std::time::Duration;

use crate::plain_http::{self, header, json};
use serde_json::{Value, json};
use testkit::runtime_api::{Options, Outcome, Sandbox};

#[test]
fn plays_the_function() -> anyhow::Result<()> {
    let Ok(api) = std::env::var("AWS_LAMBDA_RUNTIME_API") else {
        return Ok(());
    };
    let runtime = "/2018-06-01/runtime";
    if std::env::var("BROKEN").is_ok() {
        let error = json!({"errorType": "BadConfig", "errorMessage": "WATCH_FILE is missing"});
        plain_http::send(&api, "POST", &format!("{runtime}/init/error"), &error.to_string())?;
        std::process::exit(1);
    }
    let mut count = 0;
    loop {
        let next = plain_http::send(&api, "GET", &format!("{runtime}/invocation/next"), "")?;
        let id = header(&next, "lambda-runtime-aws-request-id").unwrap_or_default().to_owned();
        let event = json(&next)?;
        count += 1;
        eprintln!("event {count}");
        let (path, body) = match event["do"].as_str() {
            Some("die") => std::process::exit(7),
            Some("hang") => loop {
                std::thread::park();
            },
            Some("fail") => ("error", json!({"errorType": "BadPayload", "errorMessage": "no field x"})),
            _ => {
                let name = std::env::var("AWS_LAMBDA_FUNCTION_NAME")?;
                let deadline_ms = header(&next, "lambda-runtime-deadline-ms").unwrap_or_default().to_owned();
                let home = std::env::var("HOME").ok();
                let mine = std::env::var("MINE").ok();
                let arn = header(&next, "lambda-runtime-invoked-function-arn");
                let seen = json!({"name": name, "deadline_ms": deadline_ms, "home": home, "mine": mine, "arn": arn});
                ("response", json!({"count": count, "event": event, "seen": seen}))
            }
        };
        plain_http::send(&api, "POST", &format!("{runtime}/invocation/{id}/{path}"), &body.to_string())?;
    }
}

async fn start(environment: &[(&str, &str)]) -> anyhow::Result<Sandbox> {
    let arguments = ["runtime_api::plays_the_function", "--exact", "--nocapture"].map(str::to_owned).to_vec();
    let options = Options { name: Some("echo".to_owned()), arguments, ..Options::default() };
    let this: PathBuf = std::env::current_exe()?;
    Sandbox::start(&this, environment.iter().copied(), options).await
}

#[tokio::test]
async fn a_living_function_is_reused() -> anyhow::Result<()> {
    let sandbox = start(&[]).await?;
    let first = sandbox.invoke(&json!({"a": 1})).await?.answered()?;
    let second = sandbox.invoke(&json!({"a": 2})).await?.answered()?;
    assert_eq!((&first["count"], &second["count"]), (&json!(1), &json!(2)));
    assert_eq!(second["event"], json!({"a": 2}));
    Ok(())
}

#[tokio::test]
async fn the_environment_is_lambdas_and_the_callers_and_nothing_else() -> anyhow::Result<()> {
    let sandbox = start(&[("MINE", "yes")]).await?;
    let seen = sandbox.invoke(&json!({})).await?.answered()?["seen"].clone();
    assert_eq!((&seen["name"], &seen["mine"], &seen["home"]), (&json!("echo"), &json!("yes"), &Value::Null));
    assert_eq!(seen["arn"], "arn:aws:lambda:eu-central-1:000000000000:function:echo");
    let now_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis();
    let deadline_ms: u128 = seen["deadline_ms"].as_str().unwrap_or_default().parse()?;
    assert!((now_ms + 1..=now_ms + 30_000).contains(&deadline_ms), "{deadline_ms} is not within 30 s of {now_ms}");
    Ok(())
}

#[tokio::test]
async fn an_error_is_reported_and_the_process_stays() -> anyhow::Result<()> {
    let sandbox = start(&[]).await?;
    let failed = sandbox.invoke(&json!({"do": "fail"})).await?;
    let (error_type, message) = ("BadPayload".to_owned(), "no field x".to_owned());
    assert_eq!(failed, Outcome::Failed { error_type, message });
    assert_eq!(sandbox.invoke(&json!({})).await?.answered()?["count"], 2);
    Ok(())
}

#[tokio::test]
async fn a_dead_process_is_replaced_and_its_output_kept() -> anyhow::Result<()> {
    let sandbox = start(&[]).await?;
    let died = sandbox.invoke(&json!({"do": "die"})).await?;
    assert_eq!(died, Outcome::Died { status: "exit status: 7".to_owned() });
    assert_eq!(sandbox.pid(), None);
    assert_eq!(sandbox.invoke(&json!({})).await?.answered()?["count"], 1);
    assert_eq!(sandbox.output().matches("event 1").count(), 2, "{}", sandbox.output());
    Ok(())
}

#[tokio::test]
async fn a_late_function_is_killed() -> anyhow::Result<()> {
    let sandbox = start(&[]).await?;
    sandbox.first_poll().await?;
    let late = sandbox.invoke_timed(&json!({"do": "hang"}), Duration::from_millis(50)).await?;
    assert_eq!((late.outcome, sandbox.pid()), (Outcome::TimedOut, None));
    Ok(())
}

#[tokio::test]
async fn killing_ends_an_invocation_in_the_middle() -> anyhow::Result<()> {
    let sandbox = start(&[]).await?;
    let event = json!({"do": "hang"});
    let killed = async {
        while !sandbox.output().contains("event 1") {
            tokio::task::yield_now().await;
        }
        sandbox.kill().await;
    };
    let (outcome, ()) = tokio::join!(sandbox.invoke(&event), killed);
    assert_eq!(outcome?, Outcome::Died { status: "signal: 9 (SIGKILL)".to_owned() });
    assert_eq!(sandbox.invoke(&json!({})).await?.answered()?["count"], 1);
    Ok(())
}

#[tokio::test]
async fn a_failed_start_says_why() -> anyhow::Result<()> {
    let sandbox = start(&[("BROKEN", "1")]).await?;
    let failed = sandbox.invoke(&json!({})).await?;
    let (error_type, message) = ("BadConfig".to_owned(), "WATCH_FILE is missing".to_owned());
    assert_eq!(failed, Outcome::Failed { error_type, message });
    Ok(())
}

#[tokio::test]
async fn fifty_sandboxes_work_side_by_side() -> anyhow::Result<()> {
    let mut sandboxes = Vec::new();
    for _ in 0..50 {
        sandboxes.push(start(&[]).await?);
    }
    for (n, sandbox) in sandboxes.iter().enumerate() {
        assert_eq!(sandbox.invoke(&json!({"n": n})).await?.answered()?["event"]["n"], json!(n));
    }
    Ok(())
}
