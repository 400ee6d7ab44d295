//! A fake Slack: takes what an incoming webhook takes and refuses what Slack refuses, in its words.
//!
//! Rules from <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks> and
//! <https://docs.slack.dev/reference/block-kit/blocks/section-block>.

use axum::http::StatusCode;
use serde_json::Value;

/// "Slack will truncate messages containing more than 40,000 characters"; what is cut there is lost.
const LONGEST_TEXT: usize = 40_000;
/// "Maximum length for the text in this field is 3000 characters."
const LONGEST_SECTION: usize = 3_000;

/// What the sender of a message is answered.
pub(crate) fn post(message: &Value) -> (StatusCode, &'static str) {
    let attachments = message["attachments"].as_array().map(Vec::as_slice).unwrap_or_default();
    let blocks = attachments.iter().chain([message]).filter_map(|with| with["blocks"].as_array()).flatten();
    let sections =
        || blocks.clone().map(|block| block["text"]["text"].as_str().map_or(0, |text| text.encode_utf16().count()));
    match message["text"].as_str() {
        _ if !message.is_object() => (StatusCode::BAD_REQUEST, "invalid_payload"),
        _ if sections().any(|length| !(1..=LONGEST_SECTION).contains(&length)) => {
            (StatusCode::BAD_REQUEST, "invalid_blocks")
        }
        None | Some("") if attachments.is_empty() => (StatusCode::BAD_REQUEST, "no_text"),
        Some(text) if text.chars().count() > LONGEST_TEXT => (StatusCode::BAD_REQUEST, "msg_too_long"),
        _ => (StatusCode::OK, "ok"),
    }
}

/// What Slack says with a status.
pub(crate) fn words_of(status: u16) -> &'static str {
    match status {
        200..300 => "ok",
        400 => "invalid_payload",
        403 => "action_prohibited",
        404 => "no_service",
        410 => "channel_is_archived",
        429 => "rate_limited",
        _ => "server_error",
    }
}
