//! The JSON that a webhook receives. Fields are only ever added.

use domain::fingerprint::Labels;
use domain::notification::truncate;
use domain::{Fingerprint, Notice, Notification, Severity, Timestamp};
use outbound::Cause;
use serde::Serialize;
use uuid::Uuid;

use crate::error::NotifyError;
use crate::message;

/// What common receivers take without complaint. Bytes.
const LARGEST_BODY: usize = 262_144;
/// The longest text kept when a body is too large. Characters.
const LONGEST_TEXT: usize = 1_024;
/// The longest `text` kept when a body is too large: no more than half of it, however it is escaped. Characters.
const LONGEST_BODY_TEXT: usize = 16_384;
/// How many notes are kept when a body is too large.
const MOST_NOTES: usize = 10;

#[derive(Serialize)]
struct Body<'a> {
    /// `firing`, `severity` (it rose), `reminder`, `flapping`, `escalation`, `resolved`, `digest`, `quarantined` or
    /// `released`.
    notice: Notice,
    /// One line for people.
    title: String,
    /// The lines below it.
    text: String,
    /// `CRITICAL`, `HIGH`, `MEDIUM` or `LOW`.
    severity: Severity,
    environment: &'a str,
    kind: &'a str,
    subject: &'a str,
    labels: Option<&'a Labels>,
    summary: &'a str,
    source: &'a str,
    /// What else has to be said, a line each; `text` holds them too.
    notes: &'a [String],
    /// When the condition changed, by the source's clock.
    occurred_at: Timestamp,
    opened_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    runbook: Option<&'a str>,
    alert_id: Uuid,
    fingerprint: &'a Fingerprint,
    /// The same for the notice that opens and the one that closes.
    dedup_key: &'a str,
    /// This notice may have arrived before.
    repeat: bool,
    /// Texts were cut and `labels` left out, because the whole would have been too large.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

/// The notification as JSON, at most [`LARGEST_BODY`] bytes.
pub(super) fn body(notification: &Notification, repeat: bool) -> Result<Vec<u8>, NotifyError> {
    let written = json(&body_of(notification, Some(&notification.labels), repeat, false)?)?;
    if written.len() <= LARGEST_BODY {
        return Ok(written);
    }
    let mut short = notification.clone();
    short.labels.clear();
    short.notes.truncate(MOST_NOTES);
    for note in &mut short.notes {
        *note = truncate(note, LONGEST_TEXT);
    }
    for text in [&mut short.summary, &mut short.subject, &mut short.kind, &mut short.source, &mut short.environment] {
        *text = truncate(text, LONGEST_TEXT);
    }
    short.runbook = short.runbook.map(|runbook| truncate(&runbook, LONGEST_TEXT));
    json(&body_of(&short, None, repeat, true)?)
}

fn json(body: &Body<'_>) -> Result<Vec<u8>, NotifyError> {
    serde_json::to_vec(body)
        .map_err(|err| NotifyError::Permanent(Cause::plain(format!("the notice could not be written as JSON: {err}"))))
}

fn body_of<'a>(
    notification: &'a Notification,
    labels: Option<&'a Labels>,
    repeat: bool,
    truncated: bool,
) -> Result<Body<'a>, NotifyError> {
    let mark = if repeat { " (repeat)" } else { "" };
    let (title, text) = (message::title(notification)?, message::plain_body(notification)?);
    let cut = |text: String, limit| if truncated { truncate(&text, limit) } else { text };
    Ok(Body {
        notice: notification.notice,
        title: format!("{}{mark}", cut(title, LONGEST_TEXT)),
        text: cut(text, LONGEST_BODY_TEXT),
        severity: notification.severity,
        environment: &notification.environment,
        kind: &notification.kind,
        subject: &notification.subject,
        labels,
        summary: &notification.summary,
        source: &notification.source,
        notes: &notification.notes,
        occurred_at: notification.occurred_at,
        opened_at: notification.opened_at,
        runbook: notification.runbook.as_deref(),
        alert_id: notification.alert_id,
        fingerprint: &notification.fingerprint,
        dedup_key: &notification.dedup_key,
        repeat,
        truncated,
    })
}
