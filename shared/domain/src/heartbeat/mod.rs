//! Heartbeats: signals expected on a schedule, and what it means when they stay away.
//!
//! A heartbeat is *up* while its signals come, *late* when one is due, *down* when one is missing, when a run takes too
//! long or fails, and *new* until the first one came. What is remembered of it ([`State`]) and of each nominal time
//! ([`Slot`]) changes by [`advance`] alone, from what was seen ([`Reading`]) and the instant of an evaluation. It computes
//! from what is remembered, never from how many evaluations there were: after an outage the first one catches up.
//!
//! The words are those of Healthchecks, whose state machine (`hc/api/models.py`) it follows where that is right: early
//! signals, overlapping runs, late starts and clocks that are set are its own.

mod advance;
mod calendar;
mod direct;
pub mod looking;
mod raised;
mod reading;
mod schedule;
mod slots;
mod trouble;
mod words;

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::severity::Severity;

pub use advance::{AHEAD, Advanced, Told, Transition, advance, pause, resume, take};
pub use calendar::Calendar;
pub use direct::silent;
pub use raised::{KIND, end, fall_silent, fingerprint, raise, remind, source};
pub use reading::{BadExitStatus, Beat, BeatKind, Reading, exit_status};
pub use schedule::{BadSchedule, LONGEST, SHORTEST, Schedule};

/// A signal that is expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    /// Its name.
    pub name: String,
    /// When signals are expected.
    pub schedule: Schedule,
    /// When nothing is.
    pub calendar: Calendar,
    /// How late success may come.
    pub grace: SignedDuration,
    /// How late the start may come, where starts are told.
    pub start_grace: Option<SignedDuration>,
    /// How long a run may take.
    pub max_runtime: Option<SignedDuration>,
    /// How long a run takes at least: one that is faster did nothing.
    pub min_runtime: Option<SignedDuration>,
    /// So many failures in a row are too many.
    pub fail_after: u32,
    /// How bad it is when it is down.
    pub severity: Severity,
    /// Whether only a person ends a pause; else the next success or failure that it is told does.
    pub manual_resume: bool,
    /// What it is about, for people.
    pub summary: Option<String>,
    /// Where it says what to do.
    pub runbook: Option<String>,
}

/// How a heartbeat stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing came yet.
    New,
    /// It beats.
    Up,
    /// A signal is due, and its grace is not over.
    Late,
    /// It is missing, or fails.
    Down,
    /// A person, or a switch, has stopped the watch.
    Paused,
}

impl Status {
    const ALL: [Self; 5] = [Self::New, Self::Up, Self::Late, Self::Down, Self::Paused];

    /// The word in the column `heartbeats.status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Up => "up",
            Self::Late => "late",
            Self::Down => "down",
            Self::Paused => "paused",
        }
    }

    /// Reads the word of the column back.
    pub fn from_stored(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// How long a signal must be unreadable before that counts as a missing one, at most.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// What is remembered of a heartbeat between evaluations.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// How it stands.
    pub status: Status,
    /// The instant of its last transition.
    pub since: Timestamp,
    /// When it turns down if nothing comes.
    pub deadline_at: Option<Timestamp>,
    /// When it last gave a sign of life of any kind.
    pub last_signal_at: Option<Timestamp>,
    /// When it last succeeded.
    pub last_success_at: Option<Timestamp>,
    /// What else is remembered.
    pub memory: Memory,
}

/// The part of a heartbeat's state that nobody but [`advance`] asks about; stored as one document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// When it was first loaded, resumed or rescheduled: nothing is expected before.
    pub loaded_at: Timestamp,
    /// The schedule that this is about; another one begins anew.
    pub schedule: String,
    /// The next nominal time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coming: Option<Timestamp>,
    /// The nominal time that last succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<Timestamp>,
    /// Failures in a row.
    #[serde(default)]
    pub failures: u32,
    /// The last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Runs under way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Run>,
    /// When its signal was last read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Timestamp>,
    /// Its signal cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Unknown>,
    /// Since when it has been down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down_since: Option<Timestamp>,
    /// The severity with which it was last told to be down; `None` while nobody was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Severity>,
    /// What was last said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
    /// What was last told to be amiss: what differs is told again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amiss: Vec<String>,
    /// The switch that has paused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<String>,
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// What was said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A signal that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub why: String,
    /// Until then what its job told may still be on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A run under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// The nominal time it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Timestamp>,
}

/// How a nominal time stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotStatus {
    /// It is the next one.
    Due,
    /// Its time has come, and nothing else.
    Late,
    /// Its run has started.
    Running,
    /// It succeeded.
    Done,
    /// Its grace is over.
    Missing,
}

impl SlotStatus {
    const ALL: [Self; 5] = [Self::Due, Self::Late, Self::Running, Self::Done, Self::Missing];

    /// The word in the column `heartbeat_slots.status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Late => "late",
            Self::Running => "running",
            Self::Done => "done",
            Self::Missing => "missing",
        }
    }

    /// Reads the word of the column back.
    pub fn from_stored(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// A nominal time. Of a heartbeat with `every`, that at which the next signal was expected, once it has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The nominal time.
    pub at: Timestamp,
    /// How it stands.
    pub status: SlotStatus,
    /// Its run, if that has an id.
    pub run_id: Option<String>,
    /// When its run started.
    pub started_at: Option<Timestamp>,
    /// When it succeeded.
    pub finished_at: Option<Timestamp>,
    /// Nothing follows from it any more: it is done, or a later success has ended what it meant.
    pub settled: bool,
}

impl Slot {
    /// A nominal time of which nothing is known yet.
    pub fn new(at: Timestamp, status: SlotStatus) -> Self {
        Self { at, status, run_id: None, started_at: None, finished_at: None, settled: false }
    }
}
