//! The fake PagerDuty keeps the rules of Events API v2, and incidents as the real one does.

use crate::plain_http::{json, status};
use crate::receivers::send;
use serde_json::{Value, json};
use testkit::pagerduty::Status;
use testkit::receivers::Receivers;

pub(crate) async fn enqueue(receivers: &Receivers, event: &Value) -> anyhow::Result<Option<u16>> {
    let answer = send(receivers, "POST", "/pagerduty/v2/enqueue", &event.to_string()).await?;
    Ok(status(&answer))
}

pub(crate) fn event(action: &str, key: &str) -> Value {
    let payload = json!({"summary": "orders are stale", "source": "watchkeeper", "severity": "error"});
    json!({"routing_key": "R", "event_action": action, "dedup_key": key, "payload": payload})
}

#[tokio::test]
async fn triggers_merge_while_open_and_open_anew_after_a_resolve() -> anyhow::Result<()> {
    let receivers = Receivers::start().await?;
    for action in ["trigger", "trigger", "acknowledge", "trigger", "resolve", "resolve", "trigger"] {
        assert_eq!(enqueue(&receivers, &event(action, "k")).await?, Some(202), "{action}");
    }
    let incidents = receivers.incidents();
    let seen: Vec<_> = incidents.iter().map(|incident| (incident.status, incident.triggers)).collect();
    assert_eq!(seen, [(Status::Resolved, 3), (Status::Open, 1)]);
    assert!(incidents[0].resolved_at.is_some() && incidents[1].resolved_at.is_none());
    Ok(())
}

#[tokio::test]
async fn resolving_an_unknown_key_is_accepted_and_does_nothing() -> anyhow::Result<()> {
    let receivers = Receivers::start().await?;
    assert_eq!(enqueue(&receivers, &event("resolve", "nobody")).await?, Some(202));
    assert!(receivers.incidents().is_empty());
    Ok(())
}

#[tokio::test]
async fn incidents_are_listed_over_http_without_the_routing_key() -> anyhow::Result<()> {
    let receivers = Receivers::start().await?;
    enqueue(&receivers, &event("trigger", "k")).await?;
    let listed = json(&send(&receivers, "GET", "/pagerduty/incidents", "").await?)?;
    assert_eq!(listed[0]["status"], "open");
    let mut fields: Vec<_> = listed[0].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["dedup_key", "opened_at", "resolved_at", "severity", "status", "summary", "triggers"]);

    send(&receivers, "DELETE", "/pagerduty/incidents", "").await?;
    assert!(receivers.incidents().is_empty());
    Ok(())
}

#[tokio::test]
async fn every_rule_of_an_event_is_kept() -> anyhow::Result<()> {
    let receivers = Receivers::start().await?;
    let changed = |pointer: &str, value: Value| {
        let mut event = event("trigger", "k");
        if let Some(field) = event.pointer_mut(pointer) {
            *field = value;
        }
        event
    };
    let wrong = [
        changed("/routing_key", Value::Null),
        changed("/event_action", json!("open")),
        changed("/payload/summary", json!("")),
        changed("/payload/source", Value::Null),
        changed("/payload/severity", json!("HIGH")),
        changed("/payload/summary", json!("x".repeat(1025))),
        changed("/payload/source", json!("x".repeat(512 * 1024))),
        json!({"routing_key": "R", "event_action": "resolve"}),
        json!([]),
    ];
    for event in &wrong {
        let text = event.to_string();
        assert_eq!(enqueue(&receivers, event).await?, Some(400), "{}", &text[..text.len().min(200)]);
    }
    assert_eq!(enqueue(&receivers, &changed("/payload/summary", json!("ä".repeat(1024)))).await?, Some(202));
    assert_eq!(receivers.incidents().len(), 1);
    Ok(())
}
