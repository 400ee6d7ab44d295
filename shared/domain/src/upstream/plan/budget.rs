//! What may still be triggered and looked at in one invocation, and what is left to the next.

use std::collections::HashMap;

use jiff::SignedDuration;

use super::{Change, Fate, Left, Situation, Told};
use crate::upstream::{Run, RunKey, RunStatus, Source};

/// So long after it is too old a cycle is still to be looked at once.
const LAST_CHANCE: SignedDuration = SignedDuration::from_hours(24);

/// A known cycle is late in its time where neither it nor a newer one of its source could be looked at: else nobody would hear of a
/// source that no poll has time for; and a day after `look_back` it is given up. A backfill's next call goes on with it.
pub(super) fn starved(
    source: &Source,
    row: Option<&Run>,
    fate: &Fate,
    is_overdue: bool,
    situation: &Situation<'_>,
) -> Option<Change> {
    let run = row.filter(|run| matches!(run.status, RunStatus::Due | RunStatus::Late))?;
    if *fate != Fate::Remaining(Left::Unseen) || situation.request.is_backfill() {
        return None;
    }
    let why = "it was not looked at".to_owned();
    let age = situation.now.duration_since(run.at);
    if age >= source.look_back.saturating_add(LAST_CHANCE) {
        return Some(Change::GivenUp { why, unseen: true, told: Told::Nobody });
    }
    let is_seen = |key: &RunKey| key.source == source.name && key.at >= run.at;
    let is_late = run.status == RunStatus::Due && is_overdue && !situation.found.keys().any(is_seen);
    is_late.then_some(Change::Late { why })
}

/// What may still be triggered and looked at.
pub(super) struct Budget<'a> {
    limit: Option<usize>,
    looks: usize,
    looked: HashMap<&'a str, usize>,
    in_flight: HashMap<&'a str, usize>,
}

impl<'a> Budget<'a> {
    pub(super) fn of(situation: &Situation<'a>) -> Self {
        let limit = situation.request.limit().map(|limit| limit.saturating_sub(situation.triggered.len()));
        let mut in_flight = HashMap::new();
        let now = situation.triggered.iter().map(|key| key.source.as_str());
        let before = situation.runs.iter().filter(|run| run.status.is_in_flight());
        let before = before.filter(|run| !situation.triggered.contains(&run.key())).map(|run| run.source.as_str());
        for source in now.chain(before) {
            *in_flight.entry(source).or_default() += 1;
        }
        let mut looked = HashMap::new();
        for key in situation.found.keys() {
            *looked.entry(key.source.as_str()).or_default() += 1;
        }
        Self { limit, looks: situation.looks, looked, in_flight }
    }

    /// What comes of a wish; a look takes the place of the trigger that may follow from it, but for one at a cycle that would be
    /// late: whether it is has to be known though nothing can be triggered.
    pub(super) fn grant(&mut self, source: &'a Source, wish: Fate, is_overdue: bool) -> Fate {
        if !matches!(wish, Fate::Trigger { .. } | Fate::Look) {
            return wish;
        }
        if self.limit == Some(0) {
            return Fate::Remaining(Left::Limit);
        }
        let in_flight = self.in_flight.entry(&source.name).or_default();
        let is_full = *in_flight >= source.concurrency as usize;
        if is_full && !(wish == Fate::Look && is_overdue) {
            return Fate::Remaining(Left::Concurrency(source.concurrency));
        }
        if wish == Fate::Look {
            let looked = self.looked.entry(&source.name).or_default();
            if *looked >= self.looks {
                return Fate::Remaining(Left::Unseen);
            }
            *looked += 1;
        }
        if is_full {
            return wish;
        }
        *in_flight += 1;
        self.limit = self.limit.map(|limit| limit - 1);
        wish
    }
}
