//! Replays recorded signals through another watch file: who would have been told what, and who was not. Nothing is sent.
//!
//! Both worlds, that of the watch file in force and that of the other one, begin without a memory and hear the same
//! signals through the same [`decide`](crate::decide::decide); every notice counts as accepted at once. What differs is
//! the watch file's doing.

mod memory;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::Serialize;

use crate::fingerprint::Labels;
use crate::notification::Notice;
use crate::policy::Policy;
use crate::severity::Severity;
use crate::signal::Signal;
use crate::silence::Silence;
use memory::{Counted, Memory};

/// That somebody is told something, other than that it is over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Page {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub receiver: String,
    /// Why.
    pub notice: Notice,
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub environment: String,
    /// What sort of condition.
    pub kind: String,
    /// Of what.
    pub subject: String,
    /// Identity labels.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

/// What another watch file would have made of recorded signals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Pages that there would have been besides.
    pub added: Vec<Page>,
    /// Pages that there would not have been.
    pub removed: Vec<Page>,
    /// How many there are in both worlds.
    pub kept: usize,
}

/// A replay under way.
#[derive(Debug)]
pub struct Replay<'a> {
    in_force: Memory<'a>,
    other: Memory<'a>,
    difference: (Counted, Counted),
    kept: usize,
}

impl<'a> Replay<'a> {
    /// Begins at `since`, with the silences that there were.
    pub fn new(in_force: &'a Policy, other: &'a Policy, silences: &'a [Silence], since: Timestamp) -> Self {
        let (in_force, other) = (Memory::new(in_force, silences, since), Memory::new(other, silences, since));
        Self { in_force, other, difference: (Counted::new(), Counted::new()), kept: 0 }
    }

    /// Hears signals that were received together, as each watch file classifies them; in the order of receipt.
    pub fn hear(&mut self, in_force: &[Signal], other: &[Signal], received_at: Timestamp) {
        self.in_force.hear(in_force, received_at);
        self.other.hear(other, received_at);
        self.compare();
    }

    /// Lets time pass to `until` and answers what differs.
    pub fn finish(mut self, until: Timestamp) -> Difference {
        self.in_force.pass_time(until);
        self.other.pass_time(until);
        self.compare();
        let spread = |counted: Counted| -> Vec<Page> {
            counted.into_iter().flat_map(|(page, count)| std::iter::repeat_n(page, count)).collect()
        };
        let (removed, added) = self.difference;
        Difference { added: spread(added), removed: spread(removed), kept: self.kept }
    }

    /// Takes out what both worlds tell.
    fn compare(&mut self) {
        let (removed, added) = &mut self.difference;
        let mut count = |pages: Vec<Page>, own: &mut Counted, others: &mut Counted| {
            for page in pages {
                match others.get_mut(&page) {
                    Some(1) => drop(others.remove(&page)),
                    Some(count) => *count -= 1,
                    None => {
                        *own.entry(page).or_default() += 1;
                        continue;
                    }
                }
                self.kept += 1;
            }
        };
        count(self.in_force.take_pages(), removed, added);
        count(self.other.take_pages(), added, removed);
    }
}
