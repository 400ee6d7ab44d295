//! What one receiver is told: provider-neutral, complete, and stored with its delivery so that a retry says the same.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::duration;
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
    /// It is over, or the provider's incident at a lower severity is superseded.
    Resolved,
}

impl Notice {
    /// The word in the column `deliveries.notice`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Severity => "severity",
            Self::Resolved => "resolved",
        }
    }

    /// Reads the word of the column back.
    pub fn from_stored(word: &str) -> Option<Self> {
        [Self::Firing, Self::Severity, Self::Resolved].into_iter().find(|notice| notice.as_str() == word)
    }

    /// Whether this notice opens or raises something at the provider, rather than closing it.
    pub const fn triggers(self) -> bool {
        !matches!(self, Self::Resolved)
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
}

impl Notification {
    /// One line: severity, place, subject and what happened.
    pub fn title(&self) -> String {
        let Self { severity, environment, subject, .. } = self;
        match self.notice {
            Notice::Firing => format!("[{severity}] {environment}: {subject}"),
            Notice::Severity => format!("[{severity}, raised] {environment}: {subject}"),
            Notice::Resolved if self.tells_firing_too => {
                format!("[RESOLVED] {environment}: {subject} fired and recovered")
            }
            Notice::Resolved => format!("[RESOLVED] {environment}: {subject}"),
        }
    }

    /// The lines a person reads below the title.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.summary.is_empty() {
            lines.push(self.summary.clone());
        }
        lines.extend(self.labels.iter().map(|(name, value)| format!("{name}: {value}")));
        match self.notice {
            Notice::Resolved => {
                let lasted = duration::display(self.occurred_at.duration_since(self.opened_at));
                lines.push(format!("Over since {} (lasted {lasted})", self.occurred_at));
            }
            Notice::Firing | Notice::Severity => lines.push(format!("Since {}", self.opened_at)),
        }
        lines.push(format!("Source: {}", self.source));
        if let Some(runbook) = &self.runbook {
            lines.push(format!("What to do: {runbook}"));
        }
        lines.push(format!("Alert: {}", self.alert_id));
        lines
    }
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
