//! What is remembered, or was heard by the router, and no condition of this run is about: rows that vanished, checks that were
//! switched off or removed, signals that went out without a record.

use std::collections::BTreeSet;

use domain::condition::{Change, Condition, Lasting, Observed, Raised, State, raise};
use domain::{Fingerprint, Timestamp};
use jiff::SignedDuration;
use store::check_states::{Heard, Record, Remembered};

use crate::configured::{Configured, Place};

/// A combination of dimensions that has had no row for so long is not expected any more.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What becomes of it.
#[derive(Debug, Default)]
pub(crate) struct Absent {
    /// Conditions whose row vanished: what the watch file says of missing values is said of them, too.
    pub(crate) vanished: Vec<Condition>,
    /// What is remembered from now on, though only the router knew of it.
    pub(crate) adopted: Vec<(Condition, Fingerprint, State)>,
    /// What is forgotten.
    pub(crate) gone: Vec<(String, Fingerprint)>,
    /// The ends that are told.
    pub(crate) raised: Vec<Raised>,
}

/// Looks at everything that `found` is not about.
pub(crate) fn of(record: &Record, found: &[Condition], configured: &Configured<'_>, now: Timestamp) -> Absent {
    let environment = configured.environment();
    let mut known: BTreeSet<(String, Fingerprint)> =
        found.iter().map(|condition| (condition.source(), condition.fingerprint(environment))).collect();
    let mut absent = Absent::default();
    for row in &record.remembered {
        // An evaluation of the past changes nothing.
        if known.insert((domain::condition::source(&row.check), row.fingerprint.clone()))
            && row.state.evaluated_at < now
        {
            absent.remembered(row, configured, now);
        }
    }
    for ((fingerprint, source), heard) in &record.heard {
        if !known.contains(&(source.clone(), fingerprint.clone()))
            && let (Some(check), Some(heard)) = (source.strip_prefix("check:"), heard)
            && configured.is_ours(fingerprint, heard)
        {
            absent.adopt(&stranger(check, fingerprint, heard, configured), configured, now);
        }
    }
    absent
}

impl Absent {
    fn remembered(&mut self, row: &Remembered, configured: &Configured<'_>, now: Timestamp) {
        match configured.place_of(row, now) {
            Place::NotAsked => {}
            Place::Vanished(_) if now.duration_since(row.state.seen_at) > FORGOTTEN => {
                self.end(row, "has had no row for 7 days", configured, now);
            }
            Place::Vanished(condition) => self.vanished.push(*condition),
            Place::Off => self.end(row, "is switched off", configured, now),
            Place::Nowhere => self.end(row, "is not in the watch file any more", configured, now),
        }
    }

    /// Something went out without a record, and nobody has asked about it since.
    fn adopt(&mut self, row: &Remembered, configured: &Configured<'_>, now: Timestamp) {
        match configured.place_of(row, now) {
            Place::NotAsked => {}
            Place::Vanished(condition) => self.adopted.push((*condition, row.fingerprint.clone(), row.state)),
            Place::Off => self.end(row, "is switched off", configured, now),
            Place::Nowhere => self.end(row, "is not in the watch file any more", configured, now),
        }
    }

    /// Ends a row; whoever was told hears of it.
    fn end(&mut self, row: &Remembered, why: &str, configured: &Configured<'_>, now: Timestamp) {
        self.gone.push((row.check.clone(), row.fingerprint.clone()));
        if row.state.firing {
            let change = Change::Resolved { since: row.state.breaching_since };
            self.raised.push(raise(&ended(row, why), change, configured.environment(), now));
        }
    }
}

/// What the router holds for firing, as it would be remembered.
fn stranger(check: &str, fingerprint: &Fingerprint, heard: &Heard, configured: &Configured<'_>) -> Remembered {
    let state = State {
        firing: true,
        severity: heard.severity,
        breaching_since: Some(heard.changed_at),
        value: None,
        evaluated_at: heard.changed_at,
        seen_at: heard.changed_at,
        timed_out: false,
    };
    Remembered {
        check: check.to_owned(),
        fingerprint: fingerprint.clone(),
        metric: configured.metric_of(&heard.kind, &heard.subject),
        kind: heard.kind.clone(),
        subject: heard.subject.clone(),
        labels: heard.labels.clone(),
        state,
    }
}

fn ended(row: &Remembered, why: &str) -> Condition {
    Condition {
        check: row.check.clone(),
        metric: row.metric.clone(),
        kind: row.kind.clone(),
        subject: row.subject.clone(),
        labels: row.labels.clone(),
        severity: row.state.severity,
        lasting: Lasting::TwoEvaluations,
        watched: true,
        observed: Observed::Within,
        value: None,
        timed_out: false,
        summary: format!("{} {why}", row.subject),
        details: serde_json::Map::new(),
    }
}
