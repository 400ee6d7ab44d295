//! Silences: a window, or many, in which nobody is told of what matches.

mod recurrence;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use uuid::Uuid;

use crate::policy::{Described, Matcher};

pub use recurrence::{BadRecurrence, Recurrence, Written};

/// A silence.
#[derive(Clone, Debug, PartialEq)]
pub struct Silence {
    /// Its id.
    pub id: Uuid,
    /// Which conditions it mutes.
    pub matchers: Matcher,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// It mutes during these windows only; `None`: all the time.
    pub recurring: Option<Recurrence>,
    /// Who made it.
    pub author: String,
    /// Why.
    pub reason: String,
}

impl Silence {
    /// Until when it mutes a condition at this instant, if it does: its own end, or that of the window.
    pub fn mutes(&self, condition: &Described<'_>, at: Timestamp) -> Option<Timestamp> {
        if at < self.from || at >= self.until || !self.matchers.matches(condition) {
            return None;
        }
        match &self.recurring {
            None => Some(self.until),
            Some(recurrence) => Some(recurrence.open_until(at)?.min(self.until)),
        }
    }
}
