//! What to do about every cycle in a window: which to trigger, and of each other one why not.
//!
//! [`plan`] is called again after each round of looks until it wants none; only then do its triggers count, so that the
//! oldest cycles come first whatever had to be looked at. It is linear in the number of cycles.

mod budget;
mod cycle;
mod missed;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use super::cycles::{TooMany, expected};
use super::{Look, Request, Run, RunKey, RunStatus, Source};

use budget::{Budget, starved};
pub(in crate::upstream) use missed::again;
pub use words::{Left, Why};

/// What is known of upstream at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A cycle is complete.
    Complete {
        /// What was seen; none where that is not kept.
        look: Option<Look>,
    },
    /// It is not.
    Waiting {
        /// What is missing.
        why: String,
        /// Everything is there, and may still change: it is not late.
        settling: bool,
        /// What was seen.
        look: Option<Look>,
    },
    /// No mirror could be read: nothing is known.
    Unreadable {
        /// Why.
        why: String,
    },
}

/// What a plan is made from.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    /// The watch file's sources.
    pub sources: &'a [Source],
    /// The rows in the request's window ([`Request::from`]), and beside them the newest before it, and every row that is due,
    /// late, triggered or running.
    pub runs: &'a [Run],
    /// Sources for which nothing may be triggered, and why: a switch is off, or was unreadable on a cold start.
    pub held: &'a BTreeMap<String, String>,
    /// What upstream has shown in this invocation.
    pub found: &'a HashMap<RunKey, Found>,
    /// What was triggered in this invocation, whatever came of it.
    pub triggered: &'a HashSet<RunKey>,
    /// How many cycles of each source may be looked at, those in `found` among them.
    pub looks: usize,
    /// What is asked for.
    pub request: &'a Request,
    /// The instant of the evaluation.
    pub now: Timestamp,
}

/// A plan: every cycle in the window, oldest first. Nothing of it is carried out while it wants looks.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What to do about each.
    pub cycles: Vec<Planned>,
    /// What to look at, the most urgent first.
    pub looks: Vec<RunKey>,
}

/// What to do about a cycle.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// Which.
    pub key: RunKey,
    /// How its row stands; none where there is none yet.
    pub status: Option<RunStatus>,
    /// Whether it has no row yet and gets one (`on conflict do nothing`). What a person's backfill merely passes over gets none:
    /// polls would go on with it.
    pub is_missing: bool,
    /// What its row becomes before anything else.
    pub change: Option<Change>,
    /// What is done, or why nothing is.
    pub fate: Fate,
}

/// A change of a row that is no trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Upstream should have published it: `late`.
    Late {
        /// What is missing.
        why: String,
    },
    /// Upstream does not have it as its source is looked at for the first time: `due`, see [`Run::from_before`].
    FromBefore,
    /// Nothing may be triggered: `held`.
    Held,
    /// It is no longer held, or no longer late: `due`.
    Due,
    /// Upstream has published it again: `due`, see [`Run::republished`].
    Republished,
    /// A statement has reset it, and upstream has still to publish it: `due` from the beginning, see [`Run::anew`].
    Awaited,
    /// It will not be triggered by itself: `failed`, and `run-failed` is raised.
    Failed {
        /// Why.
        why: String,
    },
    /// It was never triggered and will not be by itself: `failed`, and nothing is raised of it alone. One that a statement has
    /// reset, and that upstream never published, gets its reason so.
    GivenUp {
        /// Why.
        why: String,
        /// Nobody looked at it in time.
        unseen: bool,
        /// Who tells of it.
        told: Told,
    },
}

/// Who tells that a cycle is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nobody: whoever might want to know has asked for it, or it was never wanted.
    Nobody,
    /// Its own signal, `run-failed`, which stands for others too.
    Itself,
    /// The signal of another.
    WithAnother,
}

impl Change {
    /// What it makes of the status.
    pub fn to(&self) -> RunStatus {
        match self {
            Self::Late { .. } => RunStatus::Late,
            Self::Held => RunStatus::Held,
            Self::Due | Self::FromBefore | Self::Republished | Self::Awaited => RunStatus::Due,
            Self::Failed { .. } | Self::GivenUp { .. } => RunStatus::Failed,
        }
    }
}

/// What is done about a cycle, or why nothing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Look at it upstream, then plan again.
    Look,
    /// Trigger it.
    Trigger {
        /// Which attempt this is, from 1.
        attempt: u32,
        /// Its attempts are counted from the beginning, see [`Run::triggered`].
        anew: bool,
    },
    /// It was triggered in this invocation.
    Triggered,
    /// Nothing, for a reason that another call of the same kind would find too.
    Skipped(Why),
    /// Nothing now; the next call goes on with it.
    Remaining(Left),
}

impl Plan {
    /// What to look at before planning again.
    pub fn looks(&self) -> impl Iterator<Item = &RunKey> {
        self.looks.iter()
    }

    /// What to trigger, oldest first; nothing while there is something to look at.
    pub fn triggers(&self) -> impl Iterator<Item = &Planned> {
        let ready = self.looks().next().is_none();
        self.cycles.iter().filter(move |cycle| ready && matches!(cycle.fate, Fate::Trigger { .. }))
    }

    /// Rows that are not there yet.
    pub fn missing_rows(&self) -> impl Iterator<Item = &RunKey> {
        self.cycles.iter().filter(|cycle| cycle.is_missing).map(|cycle| &cycle.key)
    }

    /// What the next call would go on with: nothing is left when there is none.
    pub fn remaining(&self) -> impl Iterator<Item = (&RunKey, &Left)> {
        self.cycles.iter().filter_map(|cycle| match &cycle.fate {
            Fate::Remaining(left) => Some((&cycle.key, left)),
            _ => None,
        })
    }

    /// What is not done, and why.
    pub fn skipped(&self) -> impl Iterator<Item = (&RunKey, &Why)> {
        self.cycles.iter().filter_map(|cycle| match &cycle.fate {
            Fate::Skipped(why) => Some((&cycle.key, why)),
            _ => None,
        })
    }
}

/// Whether every window that is asked for can be planned.
///
/// # Errors
/// When one has more cycles than anybody means.
pub fn check_windows(sources: &[Source], request: &Request, now: Timestamp) -> Result<(), TooMany> {
    let about = sources.iter().filter(|source| request.is_about(source));
    about
        .into_iter()
        .try_for_each(|source| expected(&source.name, &source.schedule, request.from(source, now), now).map(drop))
}

/// Plans.
///
/// # Errors
/// When a window has more cycles than anybody means.
pub fn plan(situation: &Situation<'_>) -> Result<Plan, TooMany> {
    let rows: HashMap<(&str, Timestamp), &Run> =
        situation.runs.iter().map(|run| ((run.source.as_str(), run.at), run)).collect();
    let sources: Vec<&Source> = situation.sources.iter().filter(|source| situation.request.is_about(source)).collect();
    let mut wanted: BTreeSet<(Timestamp, usize)> = BTreeSet::new();
    let places: HashMap<&str, usize> =
        sources.iter().enumerate().map(|(place, source)| (source.name.as_str(), place)).collect();
    for (place, source) in sources.iter().enumerate() {
        let from = situation.request.from(source, situation.now);
        let nominal = expected(&source.name, &source.schedule, from, situation.now)?;
        wanted.extend(nominal.into_iter().map(|at| (at, place)));
    }
    for run in situation.runs {
        if let Some(place) = places.get(run.source.as_str())
            && belongs(run, sources[*place], situation)
        {
            wanted.insert((run.at, *place));
        }
    }
    let mut budget = Budget::of(situation);
    let decided = wanted.into_iter().map(|(at, place)| {
        let row = rows.get(&(sources[place].name.as_str(), at)).copied();
        (at, sources[place], row, cycle::decide(sources[place], row, at, situation))
    });
    let mut decided: Vec<_> = decided.collect();
    if !situation.request.is_backfill() {
        decided.sort_by_key(|(at, _, row, verdict)| urgency(*at, *row, &verdict.fate));
    }
    let mut looks = Vec::new();
    let mut cycles: Vec<Planned> = decided
        .into_iter()
        .map(|(at, source, row, verdict)| {
            let is_overdue = situation.now.duration_since(at) >= source.late_after;
            let fate = budget.grant(source, verdict.fate, is_overdue);
            let change = verdict.change.or_else(|| starved(source, row, &fate, is_overdue, situation));
            let key = RunKey::of(&source.name, at);
            if fate == Fate::Look {
                looks.push(key.clone());
            }
            let is_young = situation.now.duration_since(at) < source.look_back;
            let is_wanted = is_young || !situation.request.is_backfill();
            let is_acted_on =
                change.is_some() || matches!(fate, Fate::Trigger { .. } | Fate::Remaining(Left::Settling));
            let is_missing = row.is_none() && (is_wanted || is_acted_on);
            Planned { key, status: row.map(|run| run.status), is_missing, change, fate }
        })
        .collect();
    for source in sources {
        cycles.extend(missed::unseen(source, situation));
    }
    cycles.sort_by(|one, other| one.key.cmp(&other.key));
    missed::tell(&mut cycles, situation);
    Ok(Plan { cycles, looks })
}

/// In which order a poll grants what cycles want. Looks come first, the newest before the oldest, and what nobody has looked at
/// before what was missing at every look and what may have been published again: an outage upstream, or a slow mirror, must not
/// keep the cycles that come after it unseen. Triggers go the oldest first, once all looks are made.
fn urgency(at: Timestamp, row: Option<&Run>, wish: &Fate) -> (bool, u8, i128) {
    if *wish != Fate::Look {
        return (true, 0, at.as_nanosecond());
    }
    let sort = match row.map(|run| run.status) {
        Some(RunStatus::Complete) => 2,
        Some(RunStatus::Late) => 1,
        _ => 0,
    };
    (false, sort, -at.as_nanosecond())
}

/// Whether a row is planned, whichever nominal times the schedule has today: it is in the window; or, where nobody asks for
/// a window, it was left waiting before it, or is still under way. A backfill takes whatever a statement has reset, since its
/// window has moved on by then.
fn belongs(run: &Run, source: &Source, situation: &Situation<'_>) -> bool {
    let open = matches!(run.status, RunStatus::Due | RunStatus::Late) || run.status.is_in_flight();
    let waiting = open && !situation.request.is_backfill();
    let inside = (situation.request.from(source, situation.now)..=situation.now).contains(&run.at);
    let is_reset = run.status == RunStatus::Failed && run.failure_reason.is_none() && situation.request.is_backfill();
    inside || ((waiting || is_reset) && run.at <= situation.now)
}
