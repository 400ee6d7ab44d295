//! The condition that signals describe: what is known of it when a decision is made.

use jiff::Timestamp;
use uuid::Uuid;

use crate::delivery::Delivery;
use crate::fingerprint::{Fingerprint, Labels};
use crate::notification::{Notice, Notification};
use crate::policy::Described;
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

/// What was last said about a condition, for notices that no signal causes.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    /// Who said so.
    pub source: String,
    /// One sentence.
    pub summary: String,
    /// When the condition changed, by the source's clock.
    pub occurred_at: Timestamp,
    /// Where it says what to do.
    pub runbook: Option<String>,
}

/// Why an alert is muted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mute {
    /// A silence matches it.
    Silenced,
    /// An open alert mutes its consequences.
    Inhibited,
    /// It opens and ends again and again.
    Flapping,
    /// It is told with another alert of its group.
    Grouped,
    /// The database was restored from a backup in which people had yet to be told; what is over by now is heard first.
    Restored,
}

impl Mute {
    const ALL: [Self; 5] = [Self::Silenced, Self::Inhibited, Self::Flapping, Self::Grouped, Self::Restored];

    /// The word in the column `alerts.muted_reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Silenced => "silenced",
            Self::Inhibited => "inhibited",
            Self::Flapping => "flapping",
            Self::Grouped => "grouped",
            Self::Restored => "restored",
        }
    }

    /// Reads the word of the column back.
    pub fn from_stored(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mute| mute.as_str() == word)
    }
}

/// That nobody is told of an alert, why, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Muted {
    /// Why.
    pub why: Mute,
    /// Since when, without a break; whatever muted it first.
    pub since: Timestamp,
    /// When it ends, where that is known.
    pub until: Option<Timestamp>,
    /// The silence or the alert that mutes it.
    pub by: Option<Uuid>,
    /// The same in words for people, as in `silenced by ana: deployment`.
    pub because: String,
}

/// That somebody has taken an alert on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Who.
    pub by: String,
    /// Until when it counts; `None`: until the alert ends.
    pub until: Option<Timestamp>,
}

/// That an alert waits for others, to be told with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathering {
    /// What alerts of the group have in common.
    pub key: String,
    /// Until when it waits.
    pub until: Timestamp,
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
    /// The highest severity that anybody was told; `None`: nobody was.
    pub notified_severity: Option<Severity>,
    /// What was last said about it.
    pub news: News,
    /// That nobody is told of it for now.
    pub muted: Option<Muted>,
    /// Who has taken it on.
    pub acknowledged: Option<Acknowledged>,
    /// That it waits for others to be told with.
    pub gathering: Option<Gathering>,
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
    /// What matchers may ask of it, at a severity.
    pub fn described(&self, severity: Severity) -> Described<'_> {
        Described {
            severity,
            kind: &self.kind,
            subject: &self.subject,
            environment: &self.environment,
            labels: &self.labels,
        }
    }

    /// What there is to tell of it, at a severity and under the provider's key of that.
    pub fn notification(&self, notice: Notice, dedup_key: String, severity: Severity) -> Notification {
        let News { source, summary, occurred_at, runbook } = self.news.clone();
        Notification {
            notice,
            alert_id: self.id,
            fingerprint: self.fingerprint.clone(),
            dedup_key,
            severity,
            environment: self.environment.clone(),
            kind: self.kind.clone(),
            subject: self.subject.clone(),
            labels: self.labels.clone(),
            summary,
            source,
            occurred_at,
            opened_at: self.opened_at,
            runbook,
            tells_firing_too: false,
            notes: Vec::new(),
            text: None,
        }
    }

    /// Whether anybody was told, or will be unless something stops it.
    pub fn tells_somebody(&self) -> bool {
        self.deliveries.iter().any(|delivery| delivery.notice.triggers() && delivery.status.tells())
    }

    /// The provider's key of this alert at a severity: PagerDuty merges a trigger into an open incident of the same key
    /// and wakes nobody, so a rise needs a key of its own.
    pub fn dedup_key(&self, severity: Severity) -> String {
        match &self.event_key {
            None => format!("{}:{severity}", self.fingerprint),
            Some(window) => format!("{}:{severity}:{window}", self.fingerprint),
        }
    }
}
