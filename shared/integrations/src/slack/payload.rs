//! Writes a notification as a message for Slack: a line, and the details beside a coloured bar.

use domain::{Notice, Notification, Severity};
use outbound::Cause;
use serde::Serialize;

use crate::error::NotifyError;
use crate::message;

/// "You can enter up to 3000 characters": of a section's text, as it is sent.
/// <https://docs.slack.dev/reference/block-kit/blocks/section-block>
const LONGEST_SECTION: usize = 3_000;
/// "Limit the number of characters in the text field to 4,000", as it is sent; many `&` in a title may get there.
/// <https://docs.slack.dev/changelog/2018-truncating-really-long-messages>
const LONGEST_TEXT: usize = 4_000;

#[derive(Serialize)]
struct Payload {
    text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment>,
}

#[derive(Serialize)]
struct Attachment {
    color: &'static str,
    blocks: [Section; 1],
}

#[derive(Serialize)]
struct Section {
    r#type: &'static str,
    text: Text,
}

#[derive(Serialize)]
struct Text {
    r#type: &'static str,
    text: String,
}

/// The message as JSON.
pub(super) fn body(notification: &Notification, repeat: bool) -> Result<Vec<u8>, NotifyError> {
    let details = message::cut_raw(&message::slack_body(notification)?, LONGEST_SECTION);
    let section = Section { r#type: "section", text: Text { r#type: "mrkdwn", text: details } };
    let attachment = Attachment { color: colour(notification), blocks: [section] };
    let payload = Payload {
        text: message::cut_raw(&message::slack_title(notification, repeat)?, LONGEST_TEXT),
        // Slack refuses a section without a text.
        attachments: [attachment].into_iter().filter(|with| !with.blocks[0].text.text.is_empty()).collect(),
    };
    serde_json::to_vec(&payload)
        .map_err(|err| NotifyError::Permanent(Cause::plain(format!("the message could not be written as JSON: {err}"))))
}

const fn colour(notification: &Notification) -> &'static str {
    match (notification.notice, notification.severity) {
        (Notice::Resolved | Notice::Released, _) => "#2eb67d",
        (Notice::Digest, _) => "#9aa0a6",
        (_, Severity::Critical) => "#b3001b",
        (_, Severity::High) => "#e8710a",
        (_, Severity::Medium) => "#f2c037",
        (_, Severity::Low) => "#4a90d9",
    }
}
