//! A fake PagerDuty: takes events as Events API v2 does and keeps the incidents they open, merge into and close.
//!
//! Rules from <https://developer.pagerduty.com/docs/events-api-v2/trigger-events/>; what a wrong event is answered
//! follows the examples there.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

/// "The maximum size of a PagerDuty event is 512 KB."
const LARGEST_EVENT: usize = 512 * 1024;
/// "The maximum permitted length of this property is 1024 characters."
const LONGEST_SUMMARY: usize = 1024;
/// "The maximum permitted length of this property is 255 characters."
const LONGEST_DEDUP_KEY: usize = 255;
const SEVERITIES: [&str; 4] = ["critical", "error", "warning", "info"];

/// What people on call would see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// The key its events carried, or the one it was given.
    pub dedup_key: String,
    /// Where it stands.
    pub status: Status,
    /// How many trigger events it holds: 1, and one more for each that merged into it.
    pub triggers: u32,
    /// When the first of them came.
    pub opened_at: Timestamp,
    /// When it was resolved.
    pub resolved_at: Option<Timestamp>,
    /// The first trigger's summary: merging changes nothing that people see.
    pub summary: String,
    /// The first trigger's severity.
    pub severity: String,
    /// Events of one key sent with different routing keys belong to different services.
    #[serde(skip)]
    routing_key: String,
}

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Somebody is being woken.
    Open,
    /// Somebody is on it.
    Acknowledged,
    /// Over. The next trigger of its key opens another.
    Resolved,
}

/// Every incident so far.
#[derive(Debug, Default)]
pub(crate) struct PagerDuty(Vec<Incident>);

impl PagerDuty {
    /// Takes one event of `size` bytes and says what its sender is answered.
    pub(crate) fn enqueue(&mut self, size: usize, event: &Value, at: Timestamp) -> (StatusCode, Value) {
        let errors = faults(size, event);
        if !errors.is_empty() {
            let refusal = json!({"status": "invalid event", "message": "Event object is invalid", "errors": errors});
            return (StatusCode::BAD_REQUEST, refusal);
        }
        let given = text(event, "/dedup_key").filter(|key| !key.is_empty()).map(str::to_owned);
        let dedup_key = given.unwrap_or_else(|| format!("{:032x}", self.0.len() + 1));
        let routing_key = text(event, "/routing_key").unwrap_or_default();
        let unresolved = self.0.iter_mut().find(|incident| {
            incident.dedup_key == dedup_key
                && incident.routing_key == routing_key
                && incident.status != Status::Resolved
        });
        match (text(event, "/event_action"), unresolved) {
            (Some("trigger"), Some(incident)) => incident.triggers += 1,
            (Some("trigger"), None) => self.0.push(Incident {
                dedup_key: dedup_key.clone(),
                status: Status::Open,
                triggers: 1,
                opened_at: at,
                resolved_at: None,
                summary: text(event, "/payload/summary").unwrap_or_default().to_owned(),
                severity: text(event, "/payload/severity").unwrap_or_default().to_owned(),
                routing_key: routing_key.to_owned(),
            }),
            (Some("acknowledge"), Some(incident)) => incident.status = Status::Acknowledged,
            (Some("resolve"), Some(incident)) => {
                incident.status = Status::Resolved;
                incident.resolved_at = Some(at);
            }
            // Nothing of that key is open: accepted, and without effect.
            _ => {}
        }
        (StatusCode::ACCEPTED, json!({"status": "success", "message": "Event processed", "dedup_key": dedup_key}))
    }

    /// Oldest first.
    pub(crate) fn incidents(&self) -> Vec<Incident> {
        self.0.clone()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Everything that is wrong with an event.
fn faults(size: usize, event: &Value) -> Vec<String> {
    if size > LARGEST_EVENT {
        return vec![format!("event of {size} bytes exceeds {LARGEST_EVENT}")];
    }
    if !event.is_object() {
        return vec!["the body is not a JSON object".to_owned()];
    }
    let mut faults = Vec::new();
    let mut require = |pointer: &str| {
        if text(event, pointer).is_none_or(str::is_empty) {
            faults.push(format!("'{}' is missing or blank", pointer.trim_start_matches('/').replace('/', ".")));
        }
    };
    require("/routing_key");
    require("/event_action");
    match text(event, "/event_action") {
        Some("trigger") => ["/payload/summary", "/payload/source", "/payload/severity"].into_iter().for_each(require),
        Some("acknowledge" | "resolve") => require("/dedup_key"),
        Some("") | None => {}
        Some(other) => faults.push(format!("'event_action' is invalid: {other}")),
    }
    if text(event, "/payload/summary").is_some_and(|summary| summary.chars().count() > LONGEST_SUMMARY) {
        faults.push(format!("'payload.summary' is longer than {LONGEST_SUMMARY} characters"));
    }
    if text(event, "/dedup_key").is_some_and(|key| key.chars().count() > LONGEST_DEDUP_KEY) {
        faults.push(format!("'dedup_key' is longer than {LONGEST_DEDUP_KEY} characters"));
    }
    if let Some(severity) = text(event, "/payload/severity").filter(|severity| !SEVERITIES.contains(severity)) {
        faults.push(format!("'payload.severity' is invalid: {severity:?} is none of {}", SEVERITIES.join(", ")));
    }
    faults
}

fn text<'a>(event: &'a Value, pointer: &str) -> Option<&'a str> {
    event.pointer(pointer).and_then(Value::as_str)
}
