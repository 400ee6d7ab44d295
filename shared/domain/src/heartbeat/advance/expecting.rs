//! Which nominal times there are to wait for, and until when.

use jiff::Timestamp;

use super::Evaluation;
use crate::heartbeat::slots::MOST_SLOTS;
use crate::heartbeat::trouble::ends;
use crate::heartbeat::{Schedule, Slot, SlotStatus, Status};

impl Evaluation<'_> {
    /// Writes down the nominal times that came since the last evaluation, and the coming one.
    pub(super) fn catch_up(&mut self) {
        if self.state.status == Status::Paused {
            return;
        }
        match &self.heartbeat.schedule {
            Schedule::Cron(_) => self.catch_up_with_cron(),
            // What is expected depends on the signs that are still to be taken.
            Schedule::Every(_) => {}
        }
    }

    pub(super) fn catch_up_with_cron(&mut self) {
        let Some(mut coming) = self.state.memory.coming else { return };
        if coming <= self.now {
            let most = self.heartbeat.schedule.period(coming).saturating_mul(MOST_SLOTS);
            let oldest = self.now.saturating_sub(most).unwrap_or(coming);
            if coming < oldest {
                coming = self.heartbeat.next_slot(oldest).unwrap_or(coming);
            }
        }
        while coming <= self.now {
            self.put(coming, SlotStatus::Late);
            let Some(next) = self.heartbeat.next_slot(coming) else { break };
            coming = next;
        }
        self.state.memory.coming = Some(coming);
        self.put(coming, SlotStatus::Due);
    }

    /// Of `every`, a nominal time is written down when it has passed: signals may come by the second.
    pub(super) fn catch_up_with_every(&mut self, at: Timestamp) {
        let Some(expected) = self.expected() else { return };
        let open = self.slots.values().any(|slot| !slot.settled);
        if expected <= at && !open {
            self.put(expected, SlotStatus::Late);
        }
    }

    /// When the next signal is expected, of `every`.
    pub(super) fn expected(&self) -> Option<Timestamp> {
        let loaded_at = self.state.memory.loaded_at;
        let last = self.state.last_success_at.map_or(loaded_at, |last| last.max(loaded_at));
        self.heartbeat.expected_after(last)
    }

    /// A nominal time that is new, or whose time has come.
    pub(super) fn put(&mut self, at: Timestamp, status: SlotStatus) {
        let slot = self.slots.entry(at).or_insert_with(|| {
            self.changed.insert(at);
            Slot::new(at, status)
        });
        if slot.status == SlotStatus::Due && status == SlotStatus::Late {
            slot.status = SlotStatus::Late;
            self.changed.insert(at);
        }
    }

    /// The coming nominal time is served already: the one after it is awaited.
    pub(super) fn serve_early(&mut self, done: Timestamp) {
        if self.state.memory.coming == Some(done)
            && let Some(next) = self.heartbeat.next_slot(done)
        {
            self.state.memory.coming = Some(next);
            self.put(next, SlotStatus::Due);
        }
    }

    /// When it turns down if nothing comes.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let heartbeat = self.heartbeat;
        let waiting = self.slots.values().filter(|slot| {
            !slot.settled && matches!(slot.status, SlotStatus::Due | SlotStatus::Late | SlotStatus::Running)
        });
        let of_slots = waiting.flat_map(|slot| {
            let start = if slot.started_at.is_none() { heartbeat.start_deadline(slot.at) } else { None };
            [heartbeat.deadline(slot.at), start]
        });
        let of_runs = self.state.memory.runs.iter().map(|run| ends(heartbeat, run));
        let open = self.slots.values().any(|slot| !slot.settled);
        let expected = if open { None } else { self.expected() };
        let of_every =
            [expected.and_then(|at| heartbeat.deadline(at)), expected.and_then(|at| heartbeat.start_deadline(at))];
        of_slots.chain(of_runs).chain(of_every).flatten().min()
    }
}
