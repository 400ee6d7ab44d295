//! What an evaluation makes of a heartbeat.

mod expecting;
mod standing;
mod taking;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{Beat, Heartbeat, Memory, Reading, Slot, SlotStatus, State, Status, Unknown, words};
use crate::severity::Severity;

/// What an evaluation changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Advanced {
    /// What is remembered from now on.
    pub state: State,
    /// The nominal times that are new or changed.
    pub slots: Vec<Slot>,
    /// What happened, in order.
    pub transitions: Vec<Transition>,
}

/// A change of status, or of what is amiss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// How it stood.
    pub from: Status,
    /// How it stands.
    pub to: Status,
    /// When.
    pub at: Timestamp,
    /// What happened, for people.
    pub reason: String,
    /// Whether and what people are told.
    pub told: Option<Told>,
}

/// What people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is down, or something else is amiss as well.
    Firing,
    /// It is no longer.
    Resolved {
        /// The severity with which it was last told to be down.
        severity: Severity,
    },
}

/// A sign dated later than this from now is no evidence: its clock is wrong, and would make it look alive for ever.
pub const AHEAD: SignedDuration = SignedDuration::from_mins(2);
/// More runs under way than this are not told apart: the oldest are given up.
const MOST_RUNS: usize = 100;

/// What an evaluation at `now` makes of a heartbeat: of what is remembered of it (nothing, the first time), of its nominal
/// times that are not settled, and of what was seen.
pub fn advance(
    heartbeat: &Heartbeat,
    before: Option<&State>,
    slots: &[Slot],
    reading: &Reading,
    now: Timestamp,
) -> Advanced {
    let mut evaluation = Evaluation::begin(heartbeat, before, slots, now);
    evaluation.catch_up();
    match reading {
        Reading::Unread => {}
        Reading::Seen { beats, note } => {
            evaluation.note.clone_from(note);
            evaluation.state.memory.unknown = None;
            evaluation.state.memory.read_at = Some(now);
            evaluation.take_all(beats);
        }
        Reading::Unknown { why } => evaluation.cannot_know(why, None),
        Reading::Waiting { until, why } => evaluation.cannot_know(why, Some(*until)),
    }
    evaluation.conclude(now, false);
    evaluation.finish()
}

/// Takes what the job of a heartbeat told. What is missing is for evaluations to say: while messages come again after an
/// outage, the next one may be what is missed.
pub fn take(heartbeat: &Heartbeat, before: Option<&State>, slots: &[Slot], beats: &[Beat], now: Timestamp) -> Advanced {
    let mut evaluation = Evaluation::begin(heartbeat, before, slots, now);
    evaluation.catch_up();
    let waits = |unknown: &Unknown| unknown.until.is_some_and(|until| until > now);
    evaluation.state.memory.unknown = evaluation.state.memory.unknown.take().filter(waits);
    evaluation.take_all(beats);
    if before.is_none() {
        evaluation.conclude(now, false);
    }
    evaluation.finish()
}

/// Stops the watch over a heartbeat: by a person, or by a switch. `None` where it is stopped already.
pub fn pause(
    heartbeat: &Heartbeat,
    before: Option<&State>,
    slots: &[Slot],
    switch: Option<&str>,
    now: Timestamp,
) -> Option<Advanced> {
    if before.is_some_and(|state| state.status == Status::Paused) {
        return None;
    }
    let mut evaluation = Evaluation::begin(heartbeat, before, slots, now);
    let reason = switch.map_or_else(|| "paused by hand".to_owned(), |switch| format!("the switch {switch} is off"));
    evaluation.settle_open();
    evaluation.state.memory.runs.clear();
    evaluation.state.memory.unknown = None;
    evaluation.state.memory.switch = switch.map(str::to_owned);
    evaluation.turn(Status::Paused, now, reason);
    Some(evaluation.finish())
}

/// Begins the watch anew. `None` where it is not stopped.
pub fn resume(heartbeat: &Heartbeat, before: &State, slots: &[Slot], now: Timestamp) -> Option<Advanced> {
    if before.status != Status::Paused {
        return None;
    }
    let mut evaluation = Evaluation::begin(heartbeat, Some(before), slots, now);
    let reason = match &before.memory.switch {
        Some(switch) => format!("the switch {switch} is on"),
        None => "resumed by hand".to_owned(),
    };
    evaluation.anew(now, reason);
    evaluation.catch_up();
    Some(evaluation.finish())
}

/// An evaluation under way.
struct Evaluation<'h> {
    heartbeat: &'h Heartbeat,
    state: State,
    slots: BTreeMap<Timestamp, Slot>,
    changed: BTreeSet<Timestamp>,
    transitions: Vec<Transition>,
    note: Option<String>,
    now: Timestamp,
}

impl<'h> Evaluation<'h> {
    fn begin(heartbeat: &'h Heartbeat, before: Option<&State>, slots: &[Slot], now: Timestamp) -> Self {
        let schedule = words::schedule(&heartbeat.schedule);
        let state = before.cloned().unwrap_or_else(|| State::new(&schedule, heartbeat.next_slot(now), now));
        let slots = slots.iter().map(|slot| (slot.at, slot.clone())).collect();
        let (changed, transitions, note) = (BTreeSet::new(), Vec::new(), None);
        let mut evaluation = Self { heartbeat, state, slots, changed, transitions, note, now };
        if evaluation.state.memory.schedule != schedule {
            evaluation.reschedule(schedule);
        }
        evaluation
    }

    fn cannot_know(&mut self, why: &str, until: Option<Timestamp>) {
        let unknown = &mut self.state.memory.unknown;
        let since = unknown.as_ref().map_or(self.now, |unknown| unknown.since);
        *unknown = Some(Unknown { since, why: why.to_owned(), until });
    }

    /// Another schedule was written: what the old one still waited for is not waited for any more.
    fn reschedule(&mut self, schedule: String) {
        self.settle_open();
        let memory = &mut self.state.memory;
        memory.schedule = schedule;
        memory.loaded_at = self.now;
        memory.coming = self.heartbeat.next_slot(self.now);
    }

    /// Nothing follows any more from nominal times that are neither done nor missed.
    fn settle_open(&mut self) {
        let open = |slot: &&mut Slot| !slot.settled && slot.status != SlotStatus::Missing;
        for slot in self.slots.values_mut().filter(open) {
            slot.settled = true;
            self.changed.insert(slot.at);
        }
    }

    fn finish(self) -> Advanced {
        let Self { state, mut slots, changed, transitions, .. } = self;
        Advanced { state, slots: changed.iter().filter_map(|at| slots.remove(at)).collect(), transitions }
    }
}

impl State {
    fn new(schedule: &str, coming: Option<Timestamp>, now: Timestamp) -> Self {
        Self {
            status: Status::New,
            since: now,
            deadline_at: None,
            last_signal_at: None,
            last_success_at: None,
            memory: Memory {
                loaded_at: now,
                schedule: schedule.to_owned(),
                coming,
                last_good: None,
                failures: 0,
                failure: None,
                runs: Vec::new(),
                read_at: None,
                unknown: None,
                down_since: None,
                told: None,
                said: None,
                amiss: Vec::new(),
                switch: None,
            },
        }
    }
}
