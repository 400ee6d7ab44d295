//! How a heartbeat stands, and what follows if it stood otherwise.

use jiff::{SignedDuration, Timestamp};

use super::{Evaluation, Told, Transition};
use crate::heartbeat::trouble::{Trouble, ends_by_itself, troubles};
use crate::heartbeat::{Slot, SlotStatus, Status, words};

impl Evaluation<'_> {
    /// How it stands at an instant, and what follows if it stood otherwise.
    pub(super) fn conclude(&mut self, at: Timestamp, succeeded: bool) {
        if self.state.status == Status::Paused {
            return;
        }
        self.catch_up_with_every(at);
        self.miss(|deadline| deadline <= at);
        self.state.deadline_at = self.deadline();
        let found = troubles(self.heartbeat, &self.state, self.slots.values(), at);
        let was_down = self.state.status == Status::Down;
        if found.is_empty() && was_down && !succeeded && !ends_by_itself(&self.state.memory.amiss) {
            return;
        }
        if found.is_empty() { self.well(at) } else { self.amiss(&found, at) }
    }

    /// Nominal times whose grace is over are missing, if it can be known.
    pub(super) fn miss(&mut self, is_over: impl Fn(Timestamp) -> bool) {
        if self.state.memory.unknown.is_some() {
            return;
        }
        let waits = |slot: &&mut Slot| {
            !slot.settled && matches!(slot.status, SlotStatus::Due | SlotStatus::Late | SlotStatus::Running)
        };
        for slot in self.slots.values_mut().filter(waits) {
            if self.heartbeat.deadline(slot.at).is_some_and(&is_over) {
                slot.status = SlotStatus::Missing;
                self.changed.insert(slot.at);
            }
        }
    }

    /// Nothing is amiss.
    pub(super) fn well(&mut self, at: Timestamp) {
        let late = self.slots.values().any(|slot| !slot.settled && slot.status == SlotStatus::Late && slot.at <= at);
        let status = match (self.state.last_success_at, late) {
            (None, _) => Status::New,
            (_, true) => Status::Late,
            (_, false) => Status::Up,
        };
        let before = self.state.status;
        match (before, status) {
            (Status::Down, _) => {
                let at = self.strictly_after(at);
                let reason = words::recovery(self.heartbeat, &self.state, self.slots.values(), at);
                self.turn(status, at, reason);
            }
            (Status::New, Status::Up) => self.turn(status, at, "its first success".to_owned()),
            // Nobody is told, and slots say when: a transition for each of them would say nothing more.
            _ => self.state.status = status,
        }
    }

    /// Something is amiss.
    pub(super) fn amiss(&mut self, found: &[Trouble], at: Timestamp) {
        let names: Vec<String> = found.iter().map(Trouble::name).collect();
        let memory = &self.state.memory;
        let known = |trouble: &&Trouble| memory.amiss.contains(&trouble.name());
        let down = self.state.status == Status::Down;
        let news: Vec<&Trouble> = found.iter().filter(|trouble| !down || !known(trouble)).collect();
        if news.is_empty() && memory.told == Some(self.heartbeat.severity) {
            self.state.memory.amiss = names;
            return;
        }
        let began = news.iter().map(|trouble| trouble.began(self.heartbeat, down, at)).min().unwrap_or(at);
        let began = self.strictly_after(began);
        let reason = words::amiss(self.heartbeat, &self.state, found, self.note.as_deref(), at);
        self.state.memory.amiss = names;
        self.turn(Status::Down, began, reason);
    }

    /// An instant for a transition: the one at which it happened, if that is after the last one, else the one at which it
    /// is found. Whoever is told goes by their order.
    pub(super) fn strictly_after(&self, happened: Timestamp) -> Timestamp {
        let since = self.state.since;
        let just_after = since.saturating_add(SignedDuration::from_millis(1)).unwrap_or(since);
        [happened, self.now].into_iter().find(|at| *at > since).unwrap_or(just_after)
    }

    pub(super) fn turn(&mut self, to: Status, at: Timestamp, reason: String) {
        let from = self.state.status;
        let memory = &mut self.state.memory;
        let told = if to == Status::Down {
            memory.told = Some(self.heartbeat.severity);
            memory.down_since = memory.down_since.or(Some(at));
            Some(Told::Firing)
        } else {
            memory.down_since = None;
            memory.amiss.clear();
            memory.told.take().map(|severity| Told::Resolved { severity })
        };
        memory.said = Some(reason.clone());
        self.state.status = to;
        self.state.since = at;
        if to == Status::Paused {
            self.state.deadline_at = None;
        }
        self.transitions.push(Transition { from, to, at, reason, told });
    }
}
