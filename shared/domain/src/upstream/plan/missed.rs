//! Cycles that were missed: nobody looked at them while they were young enough, or nobody was told that they are late.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Change, Fate, Planned, Situation, Told, Why};
use crate::duration;
use crate::upstream::{Run, RunKey, Source, cycles};

/// So many cycles of a source get rows at once after an outage of the poller, the newest ones: a month of a nowcast.
const MOST_UNSEEN: usize = 5_000;

/// Whether a source has no row at all: it is looked at for the first time.
pub(super) fn is_new(source: &str, runs: &[Run]) -> bool {
    runs.iter().all(|run| run.source != source)
}

/// The cycles between the newest row of a source and the window that is asked for: without rows nobody would know of them. Those
/// that are young enough are left to the polls; with others nobody has looked at the source for longer than `look_back`. Where the
/// window has rows there was no such time, whatever the schedule is by now.
pub(super) fn unseen(source: &Source, situation: &Situation<'_>) -> Vec<Planned> {
    let young = situation.now.saturating_sub(source.look_back).unwrap_or(Timestamp::MIN);
    let until = situation.request.from(source, situation.now);
    let newest = situation.runs.iter().filter(|run| run.source == source.name).map(|run| run.at).max();
    let Some(newest) = newest.filter(|newest| *newest < until) else { return Vec::new() };
    let limit = duration::display(source.look_back);
    let given_up =
        format!("nobody looked at it within {limit}: data-poller did not run, or did not know of {}", source.name);
    let unseen = cycles::between(&source.schedule, newest, until, MOST_UNSEEN).into_iter();
    let planned = unseen.map(|at| {
        let why = given_up.clone();
        let (change, fate) = match situation.held.get(&source.name) {
            Some(why) => (Some(Change::Held), Why::Held(why.clone())),
            None if at >= young => (None, Why::Waiting("it is left to the next poll".to_owned())),
            None => (Some(Change::GivenUp { why: why.clone(), unseen: true, told: Told::Nobody }), Why::GivenUp(why)),
        };
        let key = RunKey::of(&source.name, at);
        Planned { key, status: None, is_missing: true, change, fate: Fate::Skipped(fate) }
    });
    planned.collect()
}

/// Of the cycles of a source that are given up at once, the newest tells of all; those that follow one of which was told are of the
/// same story, unless nobody has looked at them. So one alert stands for them. Who asks for a backfill is answered, and is told only
/// of what nobody has looked at; what a new source missed before it was there is nobody's loss.
pub(super) fn tell(planned: &mut [Planned], situation: &Situation<'_>) {
    let is_from_before = |key: &RunKey| {
        let row = situation.runs.iter().find(|run| run.source == key.source && run.at == key.at);
        row.map_or_else(|| is_new(&key.source, situation.runs), |run| run.from_before)
    };
    let mut given_up: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, one) in planned.iter().enumerate() {
        let Some(Change::GivenUp { unseen, .. }) = one.change else { continue };
        if (unseen || !situation.request.is_backfill()) && !is_from_before(&one.key) {
            given_up.entry(one.key.source.clone()).or_default().push(place);
        }
    }
    for (name, places) in given_up {
        let at = |place: &usize| planned.get(*place).map(|one| one.key.at);
        let (Some(newest), Some(oldest)) = (places.last().copied(), places.first().and_then(at)) else { continue };
        let is_unseen = |place: &usize| {
            planned.get(*place).is_some_and(|one| matches!(one.change, Some(Change::GivenUp { unseen: true, .. })))
        };
        let earlier = situation.runs.iter().filter(|run| run.source == name && run.at < oldest);
        let follows = earlier.max_by_key(|run| run.at).is_some_and(|run| run.is_given_up() && run.is_of_a_story());
        // That nobody looked is another story than that upstream had nothing.
        let is_told = follows && !places.iter().any(is_unseen);
        let others = with_others(&name, oldest, places.len() - 1, situation.now);
        for place in places {
            let Some(one) = planned.get_mut(place) else { continue };
            let Some(Change::GivenUp { why, told, .. }) = &mut one.change else { continue };
            let tells = place == newest && !is_told;
            *told = if tells { Told::Itself } else { Told::WithAnother };
            if let Some(others) = others.as_ref().filter(|_| tells) {
                // What mirrors said may be long, and is cut: it comes last.
                *why = format!("{others}: {why}");
                one.fate = Fate::Skipped(Why::GivenUp(why.clone()));
            }
        }
    }
}

/// Which others the newest stands for, if any, and how to look at them again.
fn with_others(source: &str, oldest: Timestamp, others: usize, now: Timestamp) -> Option<String> {
    let (first, again) = (cycles::spoken(source, oldest), again(source, oldest, now));
    let which = match others {
        0 => return None,
        1 => format!("nor was {first}"),
        _ => format!("nor were {others} before it, from {first} on"),
    };
    Some(format!("never triggered, {which} ({again} looks at them again)"))
}

/// The payload that looks at whatever was given up from a cycle on.
pub(in crate::upstream) fn again(source: &str, from: Timestamp, now: Timestamp) -> String {
    let hours = now.duration_since(from).as_hours() + 1;
    format!("`{{\"source\": \"{source}\", \"force_retry\": true, \"backfill_hours\": {hours}}}`")
}
