//! Heartbeats: what is remembered of each, its nominal times, its transitions, and what its job told.
//!
//! Whoever changes them takes turns by a lock of the transaction: [`begin`] waits for it and reads, [`apply`] writes and
//! commits. What one decides from a state is therefore written before another reads it.

mod apply;
mod notices;
mod read;

use std::collections::BTreeMap;

use domain::heartbeat::{Slot, State};
use domain::{Fingerprint, Severity, Timestamp};

use crate::statements::Statement;

pub use apply::{Changes, Moved, apply};
pub use notices::{Notice, list_untold, mark_told};
pub use read::{Opening, Ping, begin, open};

pub(crate) const STATEMENTS: &[&Statement] = &[
    &read::READ_STATES,
    &read::READ_SLOTS,
    &read::READ_HEARD,
    &read::BOUND,
    &read::LOCK,
    &read::INSERT_PINGS,
    &apply::UPSERT_STATES,
    &apply::UPSERT_SLOTS,
    &apply::INSERT_TRANSITIONS,
    &apply::FORGET,
    &apply::SETTLE,
    &apply::PRUNE_PINGS,
    &notices::READ_UNTOLD,
    &notices::MARK_TOLD,
];

/// Everything that decisions about heartbeats ask for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// What is remembered of each, by name.
    pub states: BTreeMap<String, State>,
    /// Nominal times that are not settled, by name, in order.
    pub slots: BTreeMap<String, Vec<Slot>>,
    /// What the router holds for firing, by source.
    pub heard: BTreeMap<String, Heard>,
    /// Which of the pings are new, by their ids.
    pub fresh: Vec<String>,
    /// Whether the lease is still ours; true where there is none.
    pub ours: bool,
    /// The evaluation that was last on record.
    pub done_for: Option<Timestamp>,
}

impl Record {
    /// The nominal times of a heartbeat that are not settled.
    pub fn slots_of(&self, name: &str) -> &[Slot] {
        self.slots.get(name).map(Vec::as_slice).unwrap_or_default()
    }
}

/// A firing source, as the router knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Of which condition.
    pub fingerprint: Fingerprint,
    /// How bad it was last said to be.
    pub severity: Severity,
    /// When that was said.
    pub changed_at: Timestamp,
}
