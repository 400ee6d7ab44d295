//! Silences: a window in which what matches mutes nobody's nights.

use jiff::Timestamp;
use uuid::Uuid;

use crate::policy::{Described, Matcher};

/// A silence.
#[derive(Clone, Debug, PartialEq)]
pub struct Silence {
    /// Its id.
    pub id: Uuid,
    /// Which conditions it mutes.
    pub matchers: Matcher,
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// Who made it.
    pub author: String,
    /// Why.
    pub reason: String,
}

impl Silence {
    /// Until when it mutes a condition at this instant, if it does.
    pub fn mutes(&self, condition: &Described<'_>, at: Timestamp) -> Option<Timestamp> {
        (self.from <= at && at < self.until && self.matchers.matches(condition)).then_some(self.until)
    }
}
