//! What a try's outcome makes of its delivery, and when it is tried again.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::Outcome;

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

/// The longest first pause after a failed try; each further one doubles it.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// No pause is longer: an outage of a receiver ends with the page, not five minutes later and longer.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(5);
/// A receiver that asks for a day must not make us forget the page.
const LONGEST_ASKED: SignedDuration = SignedDuration::from_hours(1);
/// After this a delivery has failed: telling of yesterday's page would only confuse.
const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// When the fallback of a delivery that was not accepted is told instead.
pub const FALL_BACK_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// How far a delivery's pauses stay below their longest, so that what failed together is not tried together again. One
/// number for all pauses of a delivery: they never shrink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread(u8);

impl Spread {
    /// That of a delivery: its id is as random as any other number.
    pub fn of(delivery: Uuid) -> Self {
        let [.., last] = delivery.into_bytes();
        Self(last)
    }

    /// Between half of `longest` and all of it.
    fn applied_to(self, longest: SignedDuration) -> SignedDuration {
        let half = longest / 2;
        half + half * i32::from(self.0) / i32::from(u8::MAX)
    }
}

/// Decides what becomes of a delivery whose receiver could have been told from `since` on, after its `tries`-th try (from
/// 1) ended in `outcome`.
pub fn after_try(outcome: &Outcome, tries: u32, since: Timestamp, spread: Spread, now: Timestamp) -> Next {
    let asked = match outcome {
        Outcome::Accepted => return Next::Sent,
        Outcome::Permanent => return Next::Failed,
        Outcome::RateLimited { retry_after } => retry_after.unwrap_or(SignedDuration::ZERO).min(LONGEST_ASKED),
        Outcome::Transient | Outcome::Ambiguous => SignedDuration::ZERO,
    };
    if now.duration_since(since) >= GIVE_UP_AFTER {
        return Next::Failed;
    }
    let pause = spread.applied_to(longest_pause(tries)).max(asked);
    Next::RetryAt(now.saturating_add(pause).unwrap_or(now))
}

/// How long the receiver itself is left alone after this outcome, with all that it is to be told: it said "too many".
pub fn pause_of_receiver(outcome: &Outcome) -> Option<SignedDuration> {
    match outcome {
        Outcome::RateLimited { retry_after } => Some(retry_after.unwrap_or(FIRST_PAUSE).min(LONGEST_ASKED)),
        Outcome::Accepted | Outcome::Transient | Outcome::Permanent | Outcome::Ambiguous => None,
    }
}

fn longest_pause(tries: u32) -> SignedDuration {
    let doublings = tries.saturating_sub(1).min(16);
    FIRST_PAUSE.checked_mul(1 << doublings).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LATEST: Spread = Spread(u8::MAX);

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    fn limited(seconds: i64) -> Outcome {
        Outcome::RateLimited { retry_after: Some(SignedDuration::from_secs(seconds)) }
    }

    #[test]
    fn accepted_and_permanent_end_a_delivery_at_once() {
        let now = at("2026-03-01T06:00:00Z");
        assert_eq!(after_try(&Outcome::Accepted, 1, now, LATEST, now), Next::Sent);
        assert_eq!(after_try(&Outcome::Permanent, 1, now, LATEST, now), Next::Failed);
    }

    #[test]
    fn a_receiver_that_says_when_to_come_back_is_obeyed_up_to_an_hour() {
        let now = at("2026-03-01T06:00:00Z");
        for (asked, until) in [(90, "2026-03-01T06:01:30Z"), (86_400, "2026-03-01T07:00:00Z")] {
            assert_eq!(after_try(&limited(asked), 1, now, LATEST, now), Next::RetryAt(at(until)));
            assert_eq!(pause_of_receiver(&limited(asked)).map(|pause| now + pause), Some(at(until)));
        }
    }

    #[test]
    fn only_too_many_makes_a_receiver_pause() {
        assert_eq!(pause_of_receiver(&Outcome::RateLimited { retry_after: None }), Some(FIRST_PAUSE));
        for outcome in [Outcome::Accepted, Outcome::Transient, Outcome::Permanent, Outcome::Ambiguous] {
            assert_eq!(pause_of_receiver(&outcome), None, "{outcome:?}");
        }
    }

    #[test]
    fn a_day_of_failures_is_the_end() {
        let created = at("2026-03-01T06:00:00Z");
        assert_eq!(after_try(&Outcome::Transient, 300, created, LATEST, at("2026-03-02T06:00:00Z")), Next::Failed);
    }

    #[test]
    fn deliveries_that_failed_together_are_not_tried_together_again() {
        let now = at("2026-03-01T06:00:00Z");
        let next = |id: u128| after_try(&Outcome::Transient, 4, now, Spread::of(Uuid::from_u128(id)), now);
        let mut instants: Vec<Next> = (0..256).map(next).collect();
        instants.dedup();
        assert_eq!(instants.len(), 256);
        assert_eq!(
            (instants[0], instants[255]),
            (Next::RetryAt(now + SignedDuration::from_secs(20)), Next::RetryAt(now + SignedDuration::from_secs(40)))
        );
    }

    proptest! {
        #[test]
        fn pauses_of_a_delivery_never_shrink_and_stay_bounded(tries in 1u32..10_000, id: u128) {
            let spread = Spread::of(Uuid::from_u128(id));
            let pause = |tries| spread.applied_to(longest_pause(tries));
            prop_assert!(pause(tries) <= pause(tries + 1));
            prop_assert!(pause(tries) >= FIRST_PAUSE / 2);
            prop_assert!(pause(tries) <= LONGEST_PAUSE);
        }
    }
}
