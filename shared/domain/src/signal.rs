//! One thing that came in: an alarm's change, a check's verdict, an event.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::fingerprint::{Fingerprint, Labels};
use crate::severity::Severity;

/// What a signal says about its condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignalStatus {
    /// It holds.
    Firing,
    /// It holds no longer.
    Resolved,
    /// Something happened that has no end of its own.
    Event,
    /// Nothing can be said (CloudWatch's INSUFFICIENT_DATA); recorded, changes nothing.
    None,
}

impl SignalStatus {
    /// The word in the column `signals.status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
            Self::Event => "event",
            Self::None => "none",
        }
    }

    /// Reads the word of the column back.
    pub fn from_stored(word: &str) -> Option<Self> {
        [Self::Firing, Self::Resolved, Self::Event, Self::None].into_iter().find(|status| status.as_str() == word)
    }
}

/// A signal, parsed and classified, ready to be recorded and decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Ours, given when the message was parsed; the alert that a signal opens carries the same id.
    pub id: Uuid,
    /// The sender's identity of this signal: two messages with the same key are one signal.
    pub idempotency_key: String,
    /// When the condition changed, by the source's own clock.
    pub occurred_at: Timestamp,
    /// Who says so: an alarm's ARN, `check:NAME`, …
    pub source: String,
    /// Who sent the message: `topic:NAME`, `events:SOURCE`, `principal:ID`.
    pub sender: String,
    /// What sort of condition: `metric`, `heartbeat`, `unparsed`, …
    pub kind: String,
    /// Of what: `Namespace/MetricName`, a heartbeat's name, …
    pub subject: String,
    /// Where, in canonical spelling.
    pub environment: String,
    /// What is said about the condition.
    pub status: SignalStatus,
    /// How bad it is, after classification.
    pub severity: Severity,
    /// The condition's identity.
    pub fingerprint: Fingerprint,
    /// Identity labels.
    pub labels: Labels,
    /// One sentence for people.
    pub summary: String,
    /// Where the sender says to look up what to do.
    pub runbook: Option<String>,
    /// The message as received.
    pub body: String,
}
