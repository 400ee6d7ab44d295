//! What becomes of a message that nobody understands: an event about its sender, loud if it sounds urgent.

use super::Reading;
use super::transport::Unwrapped;
use crate::notification::truncate;
use crate::severity::Severity;
use crate::signal::SignalStatus;

/// How much of the message the notice shows, in characters.
const EXCERPT: usize = 200;

/// One notice per sender and dedup window: the sender is the subject.
pub(super) fn reading(unwrapped: &Unwrapped, why: &str) -> Reading {
    Reading {
        source: truncate(&unwrapped.sender, super::LONGEST_NAME),
        kind: "unparsed".to_owned(),
        subject: truncate(&unwrapped.sender, super::LONGEST_NAME),
        status: SignalStatus::Event,
        severity: if sounds_urgent(&unwrapped.text) { Severity::High } else { Severity::Medium },
        summary: format!(
            "A message from {} could not be read: {why}. It begins: {}",
            unwrapped.sender,
            truncate(unwrapped.text.trim(), EXCERPT)
        ),
        ..Reading::default()
    }
}

/// `ALARM` as CloudWatch writes it, `firing` and `critical` in any letter case.
fn sounds_urgent(text: &str) -> bool {
    let lower = text.to_lowercase();
    text.contains("ALARM") || lower.contains("firing") || lower.contains("critical")
}
