//! The condition that signals describe: what is known of it when a decision is made.

use jiff::Timestamp;
use uuid::Uuid;

use crate::delivery::Delivery;
use crate::fingerprint::{Fingerprint, Labels};
use crate::severity::Severity;
use crate::signal::SignalStatus;

/// The last thing a source said about a fingerprint, by the source's own clock. It outlives the alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceState {
    /// `Firing` or `Resolved`.
    pub status: SignalStatus,
    /// The severity it fires at.
    pub severity: Severity,
    /// When it last said so.
    pub changed_at: Timestamp,
}

/// Why an alert ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The last source that fired stopped.
    Recovered,
    /// An alert opened by an event ran out its dedup window.
    Expired,
}

impl CloseReason {
    /// The word in the column `alerts.close_reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::Expired => "expired",
        }
    }
}

/// An alert, open or closed by the decision at hand.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// The id of the signal that opened it.
    pub id: Uuid,
    /// The condition's identity.
    pub fingerprint: Fingerprint,
    /// What sort of condition.
    pub kind: String,
    /// Of what.
    pub subject: String,
    /// Where.
    pub environment: String,
    /// Identity labels.
    pub labels: Labels,
    /// The highest severity among the sources that fire.
    pub severity: Severity,
    /// The highest severity that anybody was told.
    pub notified_severity: Severity,
    /// When it opened, by our clock.
    pub opened_at: Timestamp,
    /// When the last signal about it was received.
    pub last_signal_at: Timestamp,
    /// How many signals spoke of it.
    pub signal_count: i64,
    /// Tells the alerts apart that events opened one after another, in the provider's keys. `None`: a source fires and
    /// will say when it is over.
    pub event_key: Option<String>,
    /// When and why it ended.
    pub closed: Option<(Timestamp, CloseReason)>,
    /// Its deliveries, in the order in which they go out.
    pub deliveries: Vec<Delivery>,
}

impl Alert {
    /// The provider's key of this alert at a severity: PagerDuty merges a trigger into an open incident of the same key
    /// and wakes nobody, so a rise needs a key of its own.
    pub fn dedup_key(&self, severity: Severity) -> String {
        match &self.event_key {
            None => format!("{}:{severity}", self.fingerprint),
            Some(window) => format!("{}:{severity}:{window}", self.fingerprint),
        }
    }
}
