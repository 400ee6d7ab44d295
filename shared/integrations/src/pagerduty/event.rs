//! Writes a notification as a PagerDuty event. <https://developer.pagerduty.com/docs/events-api-v2/trigger-events/>

use std::borrow::Cow;

use domain::fingerprint::Labels;
use domain::notification::truncate;
use domain::{Notice, Notification, Severity, Timestamp};
use outbound::Cause;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::error::NotifyError;
use crate::message;

/// PagerDuty rejects longer summaries; we hold the other texts of the payload to it too. Characters.
const LONGEST_TEXT: usize = 1_024;
/// PagerDuty takes 512 KB; this reading of it is the smaller one. Bytes.
const LARGEST_BODY: usize = 512_000;
/// Browsers refuse longer addresses, and so may PagerDuty. Bytes.
const LONGEST_LINK: usize = 2_048;

#[derive(Serialize)]
struct Event<'a> {
    routing_key: &'a str,
    event_action: &'static str,
    dedup_key: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Payload<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link<'a>>,
}

#[derive(Serialize)]
struct Payload<'a> {
    summary: String,
    source: String,
    severity: &'static str,
    timestamp: Timestamp,
    component: String,
    group: String,
    class: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_details: Option<Details<'a>>,
}

/// What the person on call may want to know; the first thing to go when an event is too large.
#[derive(Serialize)]
struct Details<'a> {
    alert_id: String,
    fingerprint: &'a str,
    summary: &'a str,
    labels: &'a Labels,
    /// What else has to be said.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notes: &'a [String],
    /// The lines of a notice in words of its own.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    text: &'a [String],
    opened_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    runbook: Option<&'a str>,
}

#[derive(Serialize)]
struct Link<'a> {
    href: &'a str,
    text: &'static str,
}

/// The key of the incident that a notice opens, merges into or closes. A bar has one beside that of the claim behind it:
/// releasing the worker does not make the claim true.
pub(super) fn key(notification: &Notification) -> Cow<'_, str> {
    match notification.notice {
        Notice::Quarantined | Notice::Released => Cow::Owned(format!("{}:bar", notification.dedup_key)),
        _ => Cow::Borrowed(&notification.dedup_key),
    }
}

/// The event as JSON, no larger than PagerDuty takes.
pub(super) fn body(notification: &Notification, routing_key: &SecretString) -> Result<Vec<u8>, NotifyError> {
    let mut event = event(notification, routing_key.expose_secret())?;
    let written = json(&event)?;
    if written.len() <= LARGEST_BODY {
        return Ok(written);
    }
    // All that is left has a limit of its own, and together they stay far below the limit of the whole.
    if let Some(payload) = &mut event.payload {
        payload.custom_details = None;
    }
    json(&event)
}

fn json(event: &Event<'_>) -> Result<Vec<u8>, NotifyError> {
    serde_json::to_vec(event)
        .map_err(|err| NotifyError::Permanent(Cause::plain(format!("the event could not be written as JSON: {err}"))))
}

fn event<'a>(notification: &'a Notification, routing_key: &'a str) -> Result<Event<'a>, NotifyError> {
    let dedup_key = key(notification);
    match notification.notice {
        Notice::Digest => Err(NotifyError::Permanent(Cause::plain(
            "PagerDuty keeps incidents, and a digest is none: send digests to a receiver of another kind",
        ))),
        Notice::Resolved | Notice::Released => {
            let event_action = "resolve";
            Ok(Event { routing_key, event_action, dedup_key, client: None, payload: None, links: Vec::new() })
        }
        _ => Ok(Event {
            routing_key,
            event_action: "trigger",
            dedup_key,
            client: Some("Watchkeeper"),
            payload: Some(payload(notification)?),
            links: link(notification).into_iter().collect(),
        }),
    }
}

fn payload(notification: &Notification) -> Result<Payload<'_>, NotifyError> {
    let cut = |text: &str| truncate(text, LONGEST_TEXT);
    Ok(Payload {
        summary: cut(&message::pagerduty(notification)?),
        source: cut(&notification.source),
        severity: match notification.notice {
            // The claim behind a bar has its own incident, at its own severity.
            Notice::Quarantined => "info",
            _ => severity(notification.severity),
        },
        timestamp: notification.occurred_at,
        component: cut(&notification.subject),
        group: cut(&notification.environment),
        class: cut(&notification.kind),
        custom_details: Some(Details {
            alert_id: notification.alert_id.to_string(),
            fingerprint: notification.fingerprint.as_str(),
            summary: &notification.summary,
            labels: &notification.labels,
            notes: &notification.notes,
            text: notification.text.as_ref().map_or(&[], |text| &text.lines),
            opened_at: notification.opened_at,
            runbook: notification.runbook.as_deref(),
        }),
    })
}

/// A runbook that is an address can be clicked; a path inside a repository stands in the details only.
fn link(notification: &Notification) -> Option<Link<'_>> {
    let href = notification.runbook.as_deref()?;
    let clickable = (href.starts_with("https://") || href.starts_with("http://")) && href.len() <= LONGEST_LINK;
    clickable.then_some(Link { href, text: "What to do" })
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "info",
    }
}
