//! The fake receivers keep what they got and misbehave as told.

use crate::pagerduty::{enqueue, event};
use crate::plain_http::{self, json, status};
use serde_json::{Value, json};
use testkit::receivers::{Answered, Behaviour, Cut, Receivers};

/// Requests are sent from another thread: the server runs on the test's own.
pub(crate) async fn send(
    receivers: &Receivers,
    method: &'static str,
    path: &str,
    body: &str,
) -> anyhow::Result<String> {
    let (url, path, body) = (receivers.url(), path.to_owned(), body.to_owned());
    tokio::task::spawn_blocking(move || plain_http::send(&url, method, &path, &body)).await?
}

#[tokio::test]
async fn a_request_is_kept_as_it_was_sent() -> anyhow::Result<()> {
    let receivers = Receivers::start().await?;
    send(&receivers, "POST", "/hook/team?a=1", "not json").await?;
    send(&receivers, "POST", "/hook", r#"{"a": 1}"#).await?;

    let listed = json(&send(&receivers, "GET", "/received", "").await?)?;
    assert_eq!(listed[0]["n"], 1);
    assert_eq!(listed[0]["integration"], "webhook");
    assert_eq!(listed[0]["path"], "/hook/team?a=1");
    assert_eq!(listed[0]["headers"]["x-test"], "Yes");
    assert_eq!(listed[0]["body"], "not json");
    assert_eq!(listed[0]["json"], Value::Null);
    assert_eq!(listed[0]["answered"], 200);
    assert_eq!(listed[1]["json"], json!({"a": 1}));
    assert!(listed[0]["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{listed}");

    send(&receivers, "DELETE", "/received", "").await?;
    assert!(receivers.received().is_empty());
    Ok(())
}

#[tokio::test]
async fn an_unknown_path_is_not_found_and_not_kept() -> anyhow::Result<()> {
    let receivers = Receivers::start().await?;
    assert_eq!(status(&send(&receivers, "POST", "/elsewhere", "{}").await?), Some(404));
    assert!(receivers.received().is_empty());
    Ok(())
}

#[tokio::test]
async fn behaviours_take_turns_and_then_end() -> anyhow::Result<()> {
    let receivers = Receivers::start().await?;
    receivers.behave(Behaviour::answer("webhook", 503).times(2));
    receivers.behave(Behaviour::answer("webhook", 429).header("retry-after", "7").times(1));

    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(send(&receivers, "POST", "/hook", "{}").await?);
    }
    let statuses: Vec<_> = answers.iter().filter_map(|answer| status(answer)).collect();
    assert_eq!(statuses, [503, 503, 429, 200]);
    assert_eq!(plain_http::header(&answers[2], "retry-after"), Some("7"));
    Ok(())
}

#[tokio::test]
async fn an_endless_behaviour_lasts_until_the_next_or_until_deleted() -> anyhow::Result<()> {
    let receivers = Receivers::start().await?;
    let behave = async |body: &str| send(&receivers, "POST", "/behave", body).await;
    let hook = async || anyhow::Ok(status(&send(&receivers, "POST", "/hook", "{}").await?));

    behave(r#"{"integration": "webhook", "status": 500}"#).await?;
    assert_eq!((hook().await?, hook().await?), (Some(500), Some(500)));
    behave(r#"{"integration": "webhook", "status": 404}"#).await?;
    assert_eq!(hook().await?, Some(404));
    send(&receivers, "DELETE", "/behave", "").await?;
    assert_eq!(hook().await?, Some(200));
    Ok(())
}

#[tokio::test]
async fn a_behaviour_for_nobody_is_refused_with_the_names_that_exist() -> anyhow::Result<()> {
    let receivers = Receivers::start().await?;
    let answer = send(&receivers, "POST", "/behave", r#"{"integration": "pager"}"#).await?;
    assert_eq!(status(&answer), Some(400));
    assert!(answer.contains("pagerduty, webhook"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_cut_before_does_nothing_and_a_cut_after_opens_the_incident() -> anyhow::Result<()> {
    let receivers = Receivers::start().await?;
    let trigger = event("trigger", "k");

    receivers.behave(Behaviour::cut("pagerduty", Cut::Before).times(1));
    let answer = send(&receivers, "POST", "/pagerduty/v2/enqueue", &trigger.to_string()).await?;
    assert_eq!((answer.as_str(), receivers.incidents().len()), ("", 0));

    receivers.behave(Behaviour::cut("pagerduty", Cut::After).times(1));
    let answer = send(&receivers, "POST", "/pagerduty/v2/enqueue", &trigger.to_string()).await?;
    assert_eq!((answer.as_str(), receivers.incidents().len()), ("", 1));

    let answered: Vec<_> = receivers.received().iter().map(|request| request.answered).collect();
    assert_eq!(answered, [Answered::Cut, Answered::Cut]);
    Ok(())
}

#[tokio::test]
async fn a_refused_event_opens_nothing() -> anyhow::Result<()> {
    let receivers = Receivers::start().await?;
    receivers.behave(Behaviour::answer("pagerduty", 500).times(1));
    assert_eq!(enqueue(&receivers, &event("trigger", "k")).await?, Some(500));
    assert!(receivers.incidents().is_empty());
    Ok(())
}

#[tokio::test]
async fn nobody_listens_any_more_after_the_receivers_are_dropped() -> anyhow::Result<()> {
    let receivers = Receivers::start().await?;
    let url = receivers.url();
    drop(receivers);
    let refused = tokio::task::spawn_blocking(move || plain_http::send(&url, "GET", "/received", "")).await?;
    assert!(refused.is_err(), "{refused:?}");
    Ok(())
}
