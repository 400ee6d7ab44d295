//! What one receiver is told: provider-neutral, complete, and stored with its delivery so that a retry says the same.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::fingerprint::{Fingerprint, Labels};
use crate::severity::Severity;

/// Why somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Notice {
    /// The alert opened.
    Firing,
    /// Its severity rose above what was told before.
    Severity,
    /// It is still open, and nobody acknowledged it.
    Reminder,
    /// It opens and ends again and again; further changes are not told until it has calmed down.
    Flapping,
    /// Nobody acknowledged it in time.
    Escalation,
    /// It is over, or the provider's incident at a lower severity is superseded.
    Resolved,
    /// What was suppressed since the last digest.
    Digest,
    /// A worker was barred.
    Quarantined,
    /// A barred worker was released.
    Released,
}

impl Notice {
    const ALL: [Self; 9] = [
        Self::Firing,
        Self::Severity,
        Self::Reminder,
        Self::Flapping,
        Self::Escalation,
        Self::Resolved,
        Self::Digest,
        Self::Quarantined,
        Self::Released,
    ];

    /// The word in the column `deliveries.notice`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Severity => "severity",
            Self::Reminder => "reminder",
            Self::Flapping => "flapping",
            Self::Escalation => "escalation",
            Self::Resolved => "resolved",
            Self::Digest => "digest",
            Self::Quarantined => "quarantined",
            Self::Released => "released",
        }
    }

    /// Reads the word of the column back.
    pub fn from_stored(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.as_str() == word)
    }

    /// Whether this notice opens, raises or keeps up something at the provider.
    pub const fn triggers(self) -> bool {
        matches!(self, Self::Firing | Self::Severity | Self::Reminder | Self::Flapping | Self::Escalation)
    }

    /// Whether nobody needs to look up for it: it may arrive without a sound.
    pub const fn is_quiet(self) -> bool {
        matches!(self, Self::Digest)
    }
}

/// One thing to tell one receiver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// Why they are told.
    pub notice: Notice,
    /// The alert it is about.
    pub alert_id: Uuid,
    /// The alert's identity.
    pub fingerprint: Fingerprint,
    /// The key at the provider that this opens or closes.
    pub dedup_key: String,
    /// The severity that is told.
    pub severity: Severity,
    /// Where.
    pub environment: String,
    /// What sort of condition.
    pub kind: String,
    /// Of what.
    pub subject: String,
    /// Identity labels.
    pub labels: Labels,
    /// One sentence from the source.
    pub summary: String,
    /// Who said so.
    pub source: String,
    /// When the condition changed, by the source's clock.
    pub occurred_at: Timestamp,
    /// When the alert opened.
    pub opened_at: Timestamp,
    /// Where it says what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// A resolve to a receiver whose firing never went out: this one notice tells both.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tells_firing_too: bool,
    /// What else has to be said, a line each: why it was not told before, that the worker is barred, who is told with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Said instead of what the templates make of the fields: a digest, a bar, a release are not about a condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
}

/// A notice in words of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// One line.
    pub title: String,
    /// What a person reads below it.
    pub lines: Vec<String>,
}

/// Cuts a text to at most `limit` characters, at a character boundary, ending in `…` where something was cut.
pub fn truncate(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) if limit == 0 => String::new(),
        Some(_) => text.chars().take(limit - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncation_keeps_whole_characters_and_says_that_it_cut() {
        assert_eq!(truncate("żółć", 4), "żółć");
        assert_eq!(truncate("żółć", 3), "żó…");
        assert_eq!(truncate("🚨🚨", 1), "…");
        assert_eq!(truncate("x", 0), "");
    }
}
