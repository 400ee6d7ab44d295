//! What was seen of a heartbeat: its beats, or that nothing could be seen.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What sort of sign a heartbeat gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BeatKind {
    /// A run began.
    Start,
    /// A run succeeded.
    Success,
    /// A run failed.
    Fail,
    /// Something was said, which changes nothing.
    Log,
}

impl BeatKind {
    /// The word in the column `heartbeat_pings.signal`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Success => "success",
            Self::Fail => "fail",
            Self::Log => "log",
        }
    }
}

/// A sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// When.
    pub at: Timestamp,
    /// What sort.
    pub kind: BeatKind,
    /// The run's id, if it has one.
    pub run: Option<String>,
    /// When the run began, where the sign says so.
    pub started_at: Option<Timestamp>,
    /// The nominal time it is for, where the sign says so.
    pub slot: Option<Timestamp>,
    /// What was said about it.
    pub note: Option<String>,
    /// Whether it was told by the job itself, and not found by us.
    pub told: bool,
}

impl Beat {
    /// A sign that says nothing more than what it is, found by us.
    pub fn found(kind: BeatKind, at: Timestamp) -> Self {
        Self { at, kind, run: None, started_at: None, slot: None, note: None, told: false }
    }
}

/// What an evaluation sees of a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Nobody looked: it was not time to, or its job tells by itself.
    Unread,
    /// These signs, in any order; those that are known already change nothing.
    Seen {
        /// The signs.
        beats: Vec<Beat>,
        /// What is known of what is under way, for people, as in `attempt 2 of 3 since 05:40`.
        note: Option<String>,
    },
    /// It could not be read.
    Unknown {
        /// Why.
        why: String,
    },
    /// What its job told may still be on its way: nothing is missing yet.
    Waiting {
        /// Until when.
        until: Timestamp,
        /// Why.
        why: String,
    },
}

/// An exit status that no process has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no exit status: expected a number from 0 to 255")]
pub struct BadExitStatus(pub i64);

/// What the exit status of a job says: 0 is success, anything else a failure.
///
/// # Errors
/// When no process can have it.
pub fn exit_status(status: i64) -> Result<BeatKind, BadExitStatus> {
    match status {
        0 => Ok(BeatKind::Success),
        1..=255 => Ok(BeatKind::Fail),
        _ => Err(BadExitStatus(status)),
    }
}
