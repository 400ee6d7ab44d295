//! The life of a delivery: what an attempt's outcome makes of it, and when it is tried again.

use jiff::{SignedDuration, Timestamp};

use crate::notification::{Notice, Notification};
use crate::policy::Integration;

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

/// What an outcome makes of its delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Done.
    Sent,
    /// Try again, not before this instant.
    RetryAt(Timestamp),
    /// Given up.
    Failed,
}

/// The first pause after a failed try; each further one doubles it.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// No pause is longer: an outage of a receiver ends with the page, not five minutes later and longer.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(5);
/// After this a delivery has failed: telling of yesterday's page would only confuse.
const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Decides what becomes of a delivery created at `created_at` after its `tries`-th try (from 1) ended in `outcome`.
pub fn after_try(outcome: &Outcome, tries: u32, created_at: Timestamp, now: Timestamp) -> Next {
    let asked = match outcome {
        Outcome::Accepted => return Next::Sent,
        Outcome::Permanent => return Next::Failed,
        Outcome::RateLimited { retry_after } => retry_after.unwrap_or(SignedDuration::ZERO),
        Outcome::Transient | Outcome::Ambiguous => SignedDuration::ZERO,
    };
    if now.duration_since(created_at) >= GIVE_UP_AFTER {
        return Next::Failed;
    }
    // A receiver that asks for a day must not make us forget the page.
    Next::RetryAt(now.saturating_add(pause_after(tries).max(asked.min(SignedDuration::from_hours(1)))).unwrap_or(now))
}

fn pause_after(tries: u32) -> SignedDuration {
    let doublings = tries.saturating_sub(1).min(16);
    FIRST_PAUSE.checked_mul(1 << doublings).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    #[test]
    fn accepted_and_permanent_end_a_delivery_at_once() {
        let now = at("2026-03-01T06:00:00Z");
        assert_eq!(after_try(&Outcome::Accepted, 1, now, now), Next::Sent);
        assert_eq!(after_try(&Outcome::Permanent, 1, now, now), Next::Failed);
    }

    #[test]
    fn a_receiver_that_says_when_to_come_back_is_obeyed_up_to_an_hour() {
        let now = at("2026-03-01T06:00:00Z");
        let limited = |seconds| Outcome::RateLimited { retry_after: Some(SignedDuration::from_secs(seconds)) };
        assert_eq!(after_try(&limited(90), 1, now, now), Next::RetryAt(at("2026-03-01T06:01:30Z")));
        assert_eq!(after_try(&limited(86_400), 1, now, now), Next::RetryAt(at("2026-03-01T07:00:00Z")));
    }

    #[test]
    fn a_day_of_failures_is_the_end() {
        let created = at("2026-03-01T06:00:00Z");
        assert_eq!(after_try(&Outcome::Transient, 300, created, at("2026-03-02T06:00:00Z")), Next::Failed);
    }

    proptest! {
        #[test]
        fn pauses_never_shrink_and_stay_bounded(tries in 1u32..10_000) {
            prop_assert!(pause_after(tries) <= pause_after(tries + 1));
            prop_assert!(pause_after(tries) <= LONGEST_PAUSE);
        }
    }
}
