//! Writes a notification as an SNS message. <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>

use domain::Notification;
use domain::notification::truncate;

use crate::error::NotifyError;
use crate::message;
use crate::text::fit_bytes;

/// "must be less than 100 characters long"; ASCII, no line breaks or control characters.
const LONGEST_SUBJECT: usize = 99;
/// A message and its attributes take at most 256 KiB together; this leaves room for the attributes. Bytes.
const LARGEST_TEXT: usize = 262_144 - 4_096;
/// Attributes are for filters. Characters.
const LONGEST_ATTRIBUTE: usize = 256;

/// The subject of the mail, in the only characters that SNS takes.
pub(super) fn subject(notification: &Notification, repeat: bool) -> Result<String, NotifyError> {
    let mark = if repeat { " (repeat)" } else { "" };
    let plain = |c: char| match c {
        ' '..='~' => c,
        _ => '?',
    };
    let title: String = message::title(notification)?.chars().map(plain).collect();
    if title.len() + mark.len() <= LONGEST_SUBJECT {
        return Ok(format!("{title}{mark}"));
    }
    Ok(format!("{}...{mark}", fit_bytes(&title, LONGEST_SUBJECT - mark.len() - 3)))
}

/// The mail itself.
pub(super) fn text(notification: &Notification, repeat: bool) -> Result<String, NotifyError> {
    let text = message::sns(notification, repeat)?;
    Ok(format!("{}\n", fit_bytes(&text, LARGEST_TEXT)))
}

/// What subscribers may filter by. SNS refuses empty values, so those are left out.
pub(super) fn attributes(notification: &Notification) -> impl Iterator<Item = (&'static str, String)> {
    [
        ("severity", notification.severity.as_str()),
        ("kind", &notification.kind),
        ("notice", notification.notice.as_str()),
        ("dedup_key", &notification.dedup_key),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name, truncate(value, LONGEST_ATTRIBUTE)))
}
