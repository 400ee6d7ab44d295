//! What a decision answers: a verdict on every signal, and everything that follows, to be committed as one.

use jiff::Timestamp;
use uuid::Uuid;

use super::SourceKey;
use crate::alert::{Alert, Mute, SourceState};
use crate::delivery::{Delivery, DeliveryStatus, HeldBecause};
use crate::gone::Marked;

/// Why a signal tells nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It says what was known.
    Duplicate,
    /// Its source has said something newer.
    Stale,
    /// It is news, but nothing that anybody is told.
    NoChange,
    /// It ends what was not open.
    NothingOpen,
    /// The routes name nobody, or nobody was told of what now ends.
    NoReceiver,
    /// The alert is muted, for now.
    Muted(Mute),
    /// Everybody who is to be told is told later.
    Held(HeldBecause),
}

impl Reason {
    /// The word in the column `signals.reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Stale => "stale",
            Self::NoChange => "no-change",
            Self::NothingOpen => "nothing-open",
            Self::NoReceiver => "no-receiver",
            Self::Muted(mute) => mute.as_str(),
            Self::Held(because) => because.as_str(),
        }
    }
}

/// What a signal did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// It opened an alert, and somebody is told.
    Opened,
    /// It raised an alert above what was told, and somebody is told.
    Updated,
    /// It ended an alert, and those who were told are told.
    Resolved,
    /// It is on record and tells nobody.
    Suppressed(Reason),
}

impl Decision {
    /// The word in the column `signals.decision`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Updated => "updated",
            Self::Resolved => "resolved",
            Self::Suppressed(_) => "suppressed",
        }
    }

    /// The word in the column `signals.reason`, if there is one.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Suppressed(reason) => Some(reason.as_str()),
            _ => None,
        }
    }
}

/// The decision about one signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Which signal.
    pub signal_id: Uuid,
    /// What it did.
    pub decision: Decision,
    /// The alert it belongs to, if any.
    pub alert_id: Option<Uuid>,
    /// What suppresses it: a silence, or an alert.
    pub by: Option<Uuid>,
    /// When the suppression ends, where that is known.
    pub until: Option<Timestamp>,
}

/// A change to a delivery that was there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryChange {
    /// Its alert.
    pub alert_id: Uuid,
    /// Its receiver.
    pub receiver: String,
    /// Its place among the rows of that alert and receiver.
    pub sequence: i32,
    /// What becomes of it: `Cancelled`, or `Pending` for one that waited and need wait no longer.
    pub status: DeliveryStatus,
}

/// A worker is barred until a person releases it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// The worker.
    pub worker_id: String,
    /// Where it is barred.
    pub environment: String,
    /// Why: what was said of it.
    pub reason: String,
    /// The signal that bars it.
    pub signal_id: Uuid,
    /// The alert of that signal.
    pub alert_id: Uuid,
}

/// An alert is told together with one that waits for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The alert that waits.
    pub leader: Uuid,
    /// A line about the one that joins.
    pub note: String,
}

/// Everything that follows from the signals, to be committed as one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// One for each signal, in the order given.
    pub verdicts: Vec<Verdict>,
    /// Alerts that were not there before; some may already be over.
    pub opened: Vec<Alert>,
    /// Alerts that were there before, as they are now.
    pub changed: Vec<Alert>,
    /// What sources now say.
    pub sources: Vec<(SourceKey, SourceState)>,
    /// New deliveries with their alert, in the order in which they go out.
    pub deliveries: Vec<(Uuid, Delivery)>,
    /// Changes to deliveries that were there before.
    pub delivery_changes: Vec<DeliveryChange>,
    /// Workers that are barred.
    pub bars: Vec<Bar>,
    /// Lines for the deliveries of alerts that wait; these must not have been sent.
    pub joined: Vec<Joined>,
    /// Who was told while the record was gone; `gone::mark` writes it.
    pub told: Vec<Marked>,
}

impl Plan {
    /// Notes what a decision did to a delivery of `alert`, which was `known` before or is new.
    pub(super) fn note_delivery(&mut self, alert: &Alert, delivery: &Delivery, known: Option<&Alert>) {
        if delivery.notification.is_some() {
            self.deliveries.push((alert.id, delivery.clone()));
            return;
        }
        if !known.is_some_and(|known| known.deliveries.contains(delivery)) {
            self.delivery_changes.push(DeliveryChange {
                alert_id: alert.id,
                receiver: delivery.receiver.clone(),
                sequence: delivery.sequence,
                status: delivery.status,
            });
        }
    }
}
