//! Cycles that were missed: nobody looked at them while they were young enough, or nobody was told that they are late.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Change, Fate, Planned, Situation, Why};
use crate::duration;
use crate::upstream::{Run, RunKey, Source, cycles};

/// So many cycles of a source get rows at once after an outage of the poller, the newest ones: a month of a nowcast.
const MOST_UNSEEN: usize = 5_000;

/// Whether a source has no row at all: it is looked at for the first time.
pub(super) fn is_new(source: &str, runs: &[Run]) -> bool {
    runs.iter().all(|run| run.source != source)
}

/// The cycles between the newest row of a source and its window: nobody has looked at the source for longer than `look_back`, and
/// without rows nobody would know of them. Where the window has rows there was no such time, whatever the schedule is by now.
pub(super) fn unseen(source: &Source, situation: &Situation<'_>) -> Vec<Planned> {
    let young = situation.now.saturating_sub(source.look_back).unwrap_or(Timestamp::MIN);
    let until = young.min(situation.request.from(source, situation.now));
    let newest = situation.runs.iter().filter(|run| run.source == source.name).map(|run| run.at).max();
    let Some(newest) = newest.filter(|newest| *newest < until) else { return Vec::new() };
    let limit = duration::display(source.look_back);
    let given_up =
        format!("nobody looked at it within {limit}: data-poller did not run, or did not know of {}", source.name);
    let unseen = cycles::between(&source.schedule, newest, until, MOST_UNSEEN).into_iter();
    let planned = unseen.map(|at| {
        let (change, why) = match situation.held.get(&source.name) {
            Some(why) => (Change::Held, Why::Held(why.clone())),
            None => (Change::GivenUp { why: given_up.clone() }, Why::GivenUp(given_up.clone())),
        };
        Planned { key: RunKey::of(&source.name, at), status: None, change: Some(change), fate: Fate::Skipped(why) }
    });
    planned.collect()
}

/// Of the cycles of a source that are given up at once, the newest tells of all; those that follow one that was given up before
/// are of the same story, which is told. So one alert stands for them. Who asks for a backfill is answered, and what a new source
/// missed before it was there is nobody's loss.
pub(super) fn tell(planned: &mut [Planned], situation: &Situation<'_>) {
    if situation.request.is_backfill() {
        return;
    }
    let mut given_up: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let is_from_before = |key: &RunKey| {
        let row = situation.runs.iter().find(|run| run.source == key.source && run.at == key.at);
        row.map_or_else(|| is_new(&key.source, situation.runs), |run| run.from_before)
    };
    for (place, one) in planned.iter().enumerate() {
        if matches!(one.change, Some(Change::GivenUp { .. })) && !is_from_before(&one.key) {
            given_up.entry(one.key.source.clone()).or_default().push(place);
        }
    }
    for (name, places) in given_up {
        let oldest = places.first().and_then(|first| planned.get(*first)).map(|first| first.key.at);
        let (Some(last), Some(oldest)) = (places.last(), oldest) else { continue };
        let earlier = situation.runs.iter().filter(|run| run.source == name && run.at < oldest);
        if earlier.max_by_key(|run| run.at).is_some_and(Run::is_given_up) {
            continue;
        }
        let Some(newest) = planned.get_mut(*last) else { continue };
        let Some(Change::GivenUp { why }) = &newest.change else { continue };
        // What mirrors said may be long, and is cut: it comes last.
        let why = match with_others(&name, oldest, places.len() - 1, situation.now) {
            Some(others) => format!("{others}: {why}"),
            None => why.clone(),
        };
        newest.fate = Fate::Skipped(Why::GivenUp(why.clone()));
        newest.change = Some(Change::Failed { why });
    }
}

/// Which others the newest stands for, and how to look at them again.
fn with_others(source: &str, oldest: Timestamp, others: usize, now: Timestamp) -> Option<String> {
    let oldest_spoken = cycles::spoken(source, oldest);
    let which = match others {
        0 => return None,
        1 => format!("so has {oldest_spoken}"),
        _ => format!("so have {others} before it, from {oldest_spoken} on"),
    };
    let hours = now.duration_since(oldest).as_hours() + 1;
    Some(format!("{which} (`{{\"source\": \"{source}\", \"backfill_hours\": {hours}}}` looks at them again)"))
}
