//! Whether a batch looks for what is due: where it decided something that can go out now; else a look a second is enough,
//! however many batches a storm brings.

use std::collections::{BTreeMap, BTreeSet};

use domain::decide::Plan;
use domain::{Severity, Timestamp};
use jiff::SignedDuration;

/// What was due before, or is due by others, goes out with the first batch after this, or with the next retry tick.
const A_LOOK_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// Who is to be told of what was decided.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ToTell {
    receivers: BTreeSet<String>,
    /// Of something critical, or of something that was decided before and may go out now.
    whatever_their_rates: bool,
}

/// What the last look of this sandbox found.
#[derive(Debug)]
pub(crate) struct Looked {
    /// When nothing was left to send.
    pub(crate) at: Timestamp,
    /// Receivers that take nothing before then, by their rates or by what they asked.
    pub(crate) dry: BTreeMap<String, Timestamp>,
}

impl ToTell {
    /// Who is to be told by a plan.
    pub(crate) fn of(plan: &Plan) -> Self {
        let critical = |severity| severity == Severity::Critical;
        let notifications = plan.deliveries.iter().filter_map(|(_, delivery)| delivery.notification.as_ref());
        Self {
            receivers: plan.deliveries.iter().map(|(_, delivery)| delivery.receiver.clone()).collect(),
            whatever_their_rates: !plan.delivery_changes.is_empty()
                || notifications.into_iter().any(|notification| critical(notification.severity)),
        }
    }

    /// And who by another.
    pub(crate) fn add(&mut self, more: Self) {
        self.receivers.extend(more.receivers);
        self.whatever_their_rates |= more.whatever_their_rates;
    }
}

impl Looked {
    /// Whether another look at `now` would be too early to find anything that `to_tell` adds.
    pub(crate) fn is_enough(&self, to_tell: &ToTell, now: Timestamp) -> bool {
        let is_dry = |receiver: &String| self.dry.get(receiver).is_some_and(|until| *until > now);
        let since = now.duration_since(self.at);
        since >= SignedDuration::ZERO
            && since < A_LOOK_EVERY
            && !to_tell.whatever_their_rates
            && to_tell.receivers.iter().all(is_dry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: &str) -> Timestamp {
        format!("2026-03-01T06:00:{second}Z").parse().expect("an instant")
    }

    fn to_tell(receivers: &[&str]) -> ToTell {
        ToTell { receivers: receivers.iter().map(|name| (*name).to_owned()).collect(), ..ToTell::default() }
    }

    fn looked() -> Looked {
        Looked { at: at("10"), dry: [("hook".to_owned(), at("10.5"))].into() }
    }

    #[test]
    fn what_tells_nobody_looks_once_a_second() {
        assert!(looked().is_enough(&to_tell(&[]), at("10.999")));
        assert!(!looked().is_enough(&to_tell(&[]), at("11")));
        assert!(!looked().is_enough(&to_tell(&[]), at("09.9")), "a clock that was set back proves nothing");
    }

    #[test]
    fn whoever_takes_something_by_now_is_told_at_once() {
        assert!(looked().is_enough(&to_tell(&["hook"]), at("10.499")));
        assert!(!looked().is_enough(&to_tell(&["hook"]), at("10.5")), "its bucket holds a token again");
        assert!(!looked().is_enough(&to_tell(&["hook", "mail"]), at("10.1")), "nothing holds mail up");
    }

    #[test]
    fn what_is_critical_or_was_decided_before_is_never_left_to_the_next_look() {
        let mut urgent = to_tell(&["hook"]);
        urgent.add(ToTell { whatever_their_rates: true, ..ToTell::default() });
        assert!(!looked().is_enough(&urgent, at("10.1")));
    }
}
