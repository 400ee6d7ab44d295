//! What must be true in the end, in the simplest words there are: the last word of each source by its own clock.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Severity, Timestamp};

/// What a source says: when, and how bad it is while it fires. Later wins; at equal instants firing, and the worse.
type Word = (Timestamp, Option<Severity>);

/// What was said, whatever becomes of it on the way.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// The key under which each signal has to be on record, once.
    pub(super) keys: BTreeSet<String>,
    /// The last word of each source of each condition, by the condition's subject.
    conditions: BTreeMap<String, BTreeMap<String, Word>>,
    /// How bad each event is at its worst, by its subject.
    pub(super) events: BTreeMap<String, Severity>,
}

impl Model {
    /// A source says how a condition stands.
    pub(super) fn hear(&mut self, subject: &str, source: &str, at: Timestamp, firing: Option<Severity>) {
        let word = (at, firing);
        let sources = self.conditions.entry(subject.to_owned()).or_default();
        let last = sources.entry(source.to_owned()).or_insert(word);
        *last = word.max(*last);
    }

    /// Something happens.
    pub(super) fn happen(&mut self, subject: &str, severity: Severity) {
        let worst = self.events.entry(subject.to_owned()).or_insert(severity);
        *worst = severity.max(*worst);
    }

    /// How bad each condition is: `None` where it has ended.
    pub(super) fn standing(&self) -> impl Iterator<Item = (&str, Option<Severity>)> {
        self.conditions.iter().map(|(subject, sources)| {
            let worst = sources.values().filter_map(|(_, firing)| *firing).max();
            (subject.as_str(), worst)
        })
    }
}
