//! Heartbeats as tables: what is seen when, and what becomes of it.

mod clocks;
mod decisions;
mod healthchecks;
mod outages;
mod properties;
mod schedules;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::cron::Timetable;
use crate::hours;

pub(super) fn at(text: &str) -> Timestamp {
    let text = if text.contains('T') { text.to_owned() } else { format!("2026-11-22T{text}:00Z") };
    text.parse().expect("an instant")
}

pub(super) fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

pub(super) fn cron(text: &str, zone: &str) -> Schedule {
    Schedule::Cron(Box::new(Timetable::read(text, hours::timezone(zone).expect("a zone")).expect("an expression")))
}

/// Every hour, ten minutes of grace, CRITICAL.
pub(super) fn hourly() -> Heartbeat {
    Heartbeat {
        name: "nightly".to_owned(),
        schedule: Schedule::Every(minutes(60)),
        calendar: Calendar::default(),
        grace: minutes(10),
        start_grace: None,
        max_runtime: None,
        min_runtime: None,
        fail_after: 1,
        severity: Severity::Critical,
        manual_resume: false,
        summary: None,
        runbook: None,
    }
}

/// A cycle every six hours, which may take eight and a half.
pub(super) fn gfs() -> Heartbeat {
    Heartbeat { name: "gfs".to_owned(), schedule: cron("0 0,6,12,18 * * *", "UTC"), grace: minutes(510), ..hourly() }
}

pub(super) fn told(kind: BeatKind, at: Timestamp) -> Beat {
    Beat { told: true, ..Beat::found(kind, at) }
}

pub(super) fn of_run(kind: BeatKind, at: Timestamp, run: &str) -> Beat {
    Beat { run: Some(run.to_owned()), ..told(kind, at) }
}

/// A heartbeat and everything that is on record of it.
pub(super) struct Watched {
    pub(super) heartbeat: Heartbeat,
    pub(super) state: Option<State>,
    pub(super) slots: Vec<Slot>,
    pub(super) transitions: Vec<Transition>,
}

impl Watched {
    pub(super) fn new(heartbeat: Heartbeat) -> Self {
        Self { heartbeat, state: None, slots: Vec::new(), transitions: Vec::new() }
    }

    /// Loaded at an instant.
    pub(super) fn loaded(heartbeat: Heartbeat, when: &str) -> Self {
        let mut watched = Self::new(heartbeat);
        watched.tick(when);
        watched
    }

    /// An evaluation at which nobody looked.
    pub(super) fn tick(&mut self, when: &str) -> Vec<Transition> {
        self.step(&Reading::Unread, at(when))
    }

    /// A ping of its job, taken as it came.
    pub(super) fn ping(&mut self, kind: BeatKind, when: &str) -> Vec<Transition> {
        self.sees(vec![told(kind, at(when))], when)
    }

    /// The same, of a run with an id.
    pub(super) fn ping_run(&mut self, kind: BeatKind, when: &str, run: &str) -> Vec<Transition> {
        self.sees(vec![of_run(kind, at(when), run)], when)
    }

    pub(super) fn sees(&mut self, beats: Vec<Beat>, when: &str) -> Vec<Transition> {
        self.step(&Reading::Seen { beats, note: None }, at(when))
    }

    pub(super) fn cannot_read(&mut self, when: &str) -> Vec<Transition> {
        self.step(&Reading::Unknown { why: "ThrottlingException".to_owned() }, at(when))
    }

    pub(super) fn step(&mut self, reading: &Reading, now: Timestamp) -> Vec<Transition> {
        let open: Vec<Slot> = self.slots.iter().filter(|slot| !slot.settled).cloned().collect();
        let advanced = advance(&self.heartbeat, self.state.as_ref(), &open, reading, now);
        self.write(advanced)
    }

    pub(super) fn pause(&mut self, when: &str) -> Vec<Transition> {
        let open: Vec<Slot> = self.slots.iter().filter(|slot| !slot.settled).cloned().collect();
        let paused = pause(&self.heartbeat, self.state.as_ref(), &open, None, at(when));
        paused.map(|advanced| self.write(advanced)).unwrap_or_default()
    }

    pub(super) fn resume(&mut self, when: &str) -> Vec<Transition> {
        let open: Vec<Slot> = self.slots.iter().filter(|slot| !slot.settled).cloned().collect();
        let resumed = self.state.as_ref().and_then(|state| resume(&self.heartbeat, state, &open, at(when)));
        resumed.map(|advanced| self.write(advanced)).unwrap_or_default()
    }

    /// Writes as the store does: what is done stays done.
    fn write(&mut self, advanced: Advanced) -> Vec<Transition> {
        for slot in advanced.slots {
            match self.slots.iter_mut().find(|known| known.at == slot.at) {
                Some(known) if known.status == SlotStatus::Done => panic!("{slot:?} was done"),
                Some(known) => *known = slot,
                None => self.slots.push(slot),
            }
        }
        self.slots.sort_by_key(|slot| slot.at);
        self.state = Some(advanced.state);
        self.transitions.extend(advanced.transitions.clone());
        advanced.transitions
    }

    pub(super) fn status(&self) -> Status {
        self.state.as_ref().expect("evaluated").status
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.state.as_ref().expect("evaluated").deadline_at
    }

    /// How often people were told, and what.
    pub(super) fn told(&self) -> Vec<(bool, String)> {
        let told = self.transitions.iter().filter_map(|one| Some((one.told?, one.reason.clone())));
        told.map(|(told, reason)| (told == Told::Firing, reason)).collect()
    }

    pub(super) fn slot(&self, when: &str) -> &Slot {
        self.slots.iter().find(|slot| slot.at == at(when)).expect("a slot")
    }
}
