//! A delivery, the intent to tell one receiver: where it stands, and what can come of a try.

mod failure;
mod fold;
mod retry;

use jiff::{SignedDuration, Timestamp};

use crate::notification::{Notice, Notification};
use crate::policy::Integration;
pub use failure::{Failed, refuses_everything};
pub use fold::{key_of_fold, note_of_others};
pub use retry::{FALL_BACK_AFTER, Next, Spread, after_try, pause_of_receiver};

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryStatus {
    /// To be sent when due and when nothing before it blocks.
    Pending,
    /// Leased by an invocation that is sending it.
    Sending,
    /// Accepted by the receiver.
    Sent,
    /// Given up; it will not be tried again.
    Failed,
    /// Kept back by a switch or by hours.
    Held,
    /// No longer worth telling.
    Cancelled,
}

impl DeliveryStatus {
    const ALL: [Self; 6] = [Self::Pending, Self::Sending, Self::Sent, Self::Failed, Self::Held, Self::Cancelled];

    /// The word in the column `deliveries.status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Held => "held",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word of the column back.
    pub fn from_stored(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether the receiver was told, or will be unless something stops it.
    pub const fn tells(self) -> bool {
        matches!(self, Self::Pending | Self::Sending | Self::Sent)
    }
}

/// Why a delivery is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HeldBecause {
    /// Its route has hours, and they are over.
    OutsideHours,
    /// Its receiver is switched off.
    SwitchedOff,
}

impl HeldBecause {
    /// The word in the column `deliveries.held_because`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OutsideHours => "outside-hours",
            Self::SwitchedOff => "switched-off",
        }
    }

    /// Reads the word of the column back.
    pub fn from_stored(word: &str) -> Option<Self> {
        [Self::OutsideHours, Self::SwitchedOff].into_iter().find(|because| because.as_str() == word)
    }
}

/// That a delivery is held, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Why.
    pub because: HeldBecause,
    /// Until when, where that is known.
    pub until: Option<Timestamp>,
}

/// A delivery of an open alert, as far as later decisions need it.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The receiver's name in the watch file.
    pub receiver: String,
    /// The receiver's kind when the row was written.
    pub integration: Integration,
    /// Why they are told.
    pub notice: Notice,
    /// Counts the rows of one alert and receiver, from 0.
    pub sequence: i32,
    /// The key at the provider that this opens or closes.
    pub dedup_key: String,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// Not due before the row of this sequence is accepted: a superseded key is closed once its heir is open.
    pub waits_for: Option<i32>,
    /// Why it is held, if it is.
    pub held: Option<Held>,
    /// Not due before then; `None`: at once.
    pub not_before: Option<Timestamp>,
    /// Receivers that are told instead where its own does not take it.
    pub fallback: Vec<String>,
    /// When it was decided. `None` on a new row.
    pub created_at: Option<Timestamp>,
    /// When its receiver took it.
    pub sent_at: Option<Timestamp>,
    /// What is told. `None` on a row read back: it is written once and no decision needs it again.
    pub notification: Option<Notification>,
}

/// What came of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took it.
    Accepted,
    /// It did not work now; later it may.
    Transient,
    /// Too many; the receiver may have said when to come back.
    RateLimited {
        /// How long the receiver asked us to wait.
        retry_after: Option<SignedDuration>,
    },
    /// It will never be taken as it is.
    Permanent,
    /// No answer came back: it may or may not have been taken.
    Ambiguous,
}

impl Outcome {
    /// The word in the column `delivery_attempts.outcome`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Transient => "transient",
            Self::RateLimited { .. } => "rate-limited",
            Self::Permanent => "permanent",
            Self::Ambiguous => "ambiguous",
        }
    }
}
