//! An Alertmanager webhook (version 4, and Grafana's, which copies it): a signal for each of its alerts.
//! <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>
//!
//! Alerts that differ in nothing but their label `severity` are one condition to us and several to Alertmanager, each
//! with an end of its own: so each severity is a source of its own.

use jiff::Timestamp;
use serde_json::Value;

use super::fields::{Json, instant, labels, list, object, text};
use super::{Malformed, Reading};
use crate::severity::Severity;
use crate::signal::SignalStatus;

/// Reads every alert of a message that was sent at an instant; `None` where it is no webhook of Alertmanager.
pub(super) fn read(json: &Json, sent_at: Timestamp) -> Option<Vec<Result<Reading, Malformed>>> {
    json.get("alerts").filter(|alerts| alerts.is_array())?;
    let external_url = text(json, "externalURL");
    if external_url.is_none() && text(json, "groupKey").is_none() {
        return None;
    }
    let source = format!("alertmanager:{}", external_url.unwrap_or_default());
    let alerts = list(json, "alerts");
    let mut read: Vec<_> = alerts.iter().enumerate().map(|(n, alert)| alert_of(alert, n, &source, sent_at)).collect();
    // `max_alerts` cuts the list; what was cut must not be lost in silence.
    match json.get("truncatedAlerts").and_then(Value::as_u64) {
        Some(cut) if cut > 0 => read.push(Err(Malformed(format!(
            "Alertmanager left {cut} of its alerts out (raise `max_alerts` of its receiver)"
        )))),
        _ if read.is_empty() => read.push(Err(Malformed("it looks like Alertmanager's, but holds no alerts".into()))),
        _ => {}
    }
    Some(read)
}

fn alert_of(alert: &Value, n: usize, source: &str, sent_at: Timestamp) -> Result<Reading, Malformed> {
    let wrong = |what: &str| Malformed(format!("alert {} of Alertmanager's message {what}", n + 1));
    let alert_json = alert.as_object().ok_or_else(|| wrong("is no object"))?;
    let labels = labels(alert_json);
    let name = labels
        .get("alertname")
        .filter(|name| !name.trim().is_empty())
        .ok_or_else(|| wrong("has no label `alertname`"))?
        .clone();
    let (status, since) = match text(alert_json, "status") {
        Some("firing") => (SignalStatus::Firing, instant(alert_json, "startsAt")),
        Some("resolved") => (SignalStatus::Resolved, instant(alert_json, "endsAt")),
        other => return Err(wrong(&format!("has the status `{}`", other.unwrap_or_default()))),
    };
    Ok(Reading {
        // The notifier's clock orders: an alert that comes back after it was taken for over has the `startsAt` of its
        // first firing.
        occurred_at: Some(since.map_or(sent_at, |since| since.max(sent_at))),
        source: labels.get("severity").map_or_else(|| source.to_owned(), |word| format!("{source}#{word}")),
        kind: "prometheus".to_owned(),
        environment: ["environment", "env"].iter().find_map(|name| labels.get(*name)).cloned(),
        status,
        severity: labels
            .get("severity")
            .and_then(|word| Severity::from_any_scale(word).ok())
            .unwrap_or(Severity::Medium),
        summary: summary(alert_json).unwrap_or_else(|| name.clone()),
        runbook: object(alert_json, "annotations").and_then(|notes| text(notes, "runbook_url")).map(str::to_owned),
        subject: name,
        labels: labels.into_iter().filter(|(name, _)| name != "severity").collect(),
        // The first alert of a message keeps the whole of it; a group of a thousand is not kept a thousand times.
        body: (n > 0).then(|| alert.to_string()),
        ..Reading::default()
    })
}

/// What the alert's author wrote for people.
fn summary(alert: &Json) -> Option<String> {
    let annotations = object(alert, "annotations")?;
    let said = ["summary", "description", "message"].iter().filter_map(|name| text(annotations, name));
    let said: Vec<&str> = said.collect();
    (!said.is_empty()).then(|| said.join(" — "))
}
