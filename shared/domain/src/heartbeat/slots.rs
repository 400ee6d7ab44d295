//! The nominal times of a schedule: which there are, until when each may be served, and which one a sign is for.

use jiff::{SignedDuration, Timestamp};

use super::{Heartbeat, Schedule, Slot, SlotStatus};

/// More nominal times than this are not made up for at once: after a long outage of the evaluation, the newest count.
pub(super) const MOST_SLOTS: i32 = 500;
/// The longest row of nominal times that a calendar may skip.
const MOST_SKIPPED: usize = 10_000;

impl Heartbeat {
    /// The first nominal time after an instant; `None` where signals are expected so long after the last one.
    pub(super) fn next_slot(&self, after: Timestamp) -> Option<Timestamp> {
        let Schedule::Cron(timetable) = &self.schedule else { return None };
        let mut slot = timetable.after(after)?;
        for _ in 0..MOST_SKIPPED {
            if !self.calendar.rests(slot) {
                return Some(slot);
            }
            slot = timetable.at_or_after(self.calendar.awake(slot)?.max(after_minute(slot)?))?;
        }
        None
    }

    /// The last nominal time at or before an instant.
    pub(super) fn last_slot(&self, at: Timestamp) -> Option<Timestamp> {
        let Schedule::Cron(timetable) = &self.schedule else { return None };
        let mut slot = timetable.at_or_before(at)?;
        for _ in 0..MOST_SKIPPED {
            if !self.calendar.rests(slot) {
                return Some(slot);
            }
            slot = timetable.at_or_before(slot.saturating_sub(SignedDuration::from_secs(1)).ok()?)?;
        }
        None
    }

    /// When the next signal is expected after the last one, of a heartbeat with `every`. What would be expected while it
    /// rests is expected one period after it wakes.
    pub(super) fn expected_after(&self, last: Timestamp) -> Option<Timestamp> {
        let Schedule::Every(length) = self.schedule else { return None };
        let expected = last.saturating_add(length).ok()?;
        match self.calendar.awake(expected)? {
            awake if awake == expected => Some(expected),
            awake => awake.saturating_add(length).ok(),
        }
    }

    /// Until when success may come for a nominal time.
    pub(super) fn deadline(&self, slot: Timestamp) -> Option<Timestamp> {
        self.defer(slot, self.grace)
    }

    /// Until when a run may start for a nominal time, where that is watched.
    pub(super) fn start_deadline(&self, slot: Timestamp) -> Option<Timestamp> {
        self.defer(slot, self.start_grace?)
    }

    /// An instant so long after another; one at which it rests comes as long after it wakes.
    fn defer(&self, from: Timestamp, grace: SignedDuration) -> Option<Timestamp> {
        let end = from.saturating_add(grace).ok()?;
        match self.calendar.awake(end)? {
            awake if awake == end => Some(end),
            awake => awake.saturating_add(grace).ok(),
        }
    }

    /// How long before a nominal time a sign counts for it already: as much as it may come late, at least a tenth of the
    /// time since the one before, and never more than half of that.
    pub(super) fn early(&self, slot: Timestamp) -> SignedDuration {
        let just_before = slot.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(slot);
        let gap = self.last_slot(just_before).map_or(self.grace * 2, |before| slot.duration_since(before));
        self.grace.max(gap / 10).min(gap / 2)
    }
}

fn after_minute(at: Timestamp) -> Option<Timestamp> {
    at.saturating_add(SignedDuration::from_secs(1)).ok()
}

/// Which nominal time a sign at an instant is for, if it does not say so itself: the oldest that waits, else the newest
/// that was missed, else the coming one when it is early for that.
pub(super) fn served<'s>(
    heartbeat: &Heartbeat,
    slots: impl Iterator<Item = &'s Slot> + Clone,
    at: Timestamp,
    may_run: bool,
) -> Option<Timestamp> {
    let begun = slots.clone().filter(|slot| !slot.settled && slot.at <= at);
    let waits = |slot: &&Slot| slot.status == SlotStatus::Late || (may_run && slot.status == SlotStatus::Running);
    let waiting = begun.clone().filter(waits).map(|slot| slot.at).min();
    let missed = begun.filter(|slot| slot.status == SlotStatus::Missing).map(|slot| slot.at).max();
    let coming = || {
        let next = slots.clone().filter(|slot| !slot.settled && slot.at > at).map(|slot| slot.at).min()?;
        (next.duration_since(at) <= heartbeat.early(next)).then_some(next)
    };
    waiting.or(missed).or_else(coming)
}
