//! Runs: the processing of upstream cycles, a row for each, moved by compare-and-set.

mod read;
mod write;

use domain::Timestamp;
use domain::upstream::Run;
use uuid::Uuid;

use crate::statements::Statement;

pub use read::{Open, Others, Wanted, find, given_up, open};
pub use write::{Move, Moved, announced, apply};

pub(crate) const STATEMENTS: &[&Statement] = &[
    &read::READ,
    &read::FIND,
    &read::GIVEN_UP,
    &write::BOUND,
    &write::LOCK,
    &write::INSERT,
    &write::MOVE,
    &write::ANNOUNCE,
];

/// A run as its row keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its id: jobs carry it, and what is heard of them is told apart by it.
    pub run_id: Uuid,
    /// What decides about it.
    pub run: Run,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When its metrics were published.
    pub announced_at: Option<Timestamp>,
    /// How long its worker says that it took, in milliseconds.
    pub inference_duration_ms: Option<i64>,
}
