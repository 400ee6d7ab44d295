//! What to do about every cycle in a window: which to trigger, and of each other one why not.
//!
//! [`plan`] is called again after each round of looks until it wants none; only then do its triggers count, so that the
//! oldest cycles come first whatever had to be looked at. It is linear in the number of cycles.

mod cycle;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use super::cycles::{TooMany, expected};
use super::{Look, Request, Run, RunKey, RunStatus, Source};

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
    /// The rows in the request's window ([`Request::from`]), and beside them every row that is due, late, triggered or
    /// running.
    pub runs: &'a [Run],
    /// Sources for which nothing may be triggered, and why: a switch is off, or was unreadable on a cold start.
    pub held: &'a BTreeMap<String, String>,
    /// What upstream has shown in this invocation.
    pub found: &'a HashMap<RunKey, Found>,
    /// What was triggered in this invocation, whatever came of it.
    pub triggered: &'a HashSet<RunKey>,
    /// How many more cycles may be looked at.
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
}

/// What to do about a cycle.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// Which.
    pub key: RunKey,
    /// How its row stands; none where there is none yet, which is inserted (`on conflict do nothing`).
    pub status: Option<RunStatus>,
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
    /// Nothing may be triggered: `held`.
    Held,
    /// It is no longer held, or no longer late: `due`.
    Due,
    /// Upstream has published it again: `due`, see [`Run::republished`].
    Republished,
    /// A statement has reset it, and upstream has still to publish it: `due` from the beginning, see [`Run::anew`].
    Awaited,
    /// It will not be triggered by itself: `failed`, and `run-failed` is raised. One that a statement has reset, and that
    /// upstream never published, gets its reason so.
    Failed {
        /// Why.
        why: String,
    },
}

impl Change {
    /// What it makes of the status.
    pub fn to(&self) -> RunStatus {
        match self {
            Self::Late { .. } => RunStatus::Late,
            Self::Held => RunStatus::Held,
            Self::Due | Self::Republished | Self::Awaited => RunStatus::Due,
            Self::Failed { .. } => RunStatus::Failed,
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
        self.cycles.iter().filter(|cycle| cycle.fate == Fate::Look).map(|cycle| &cycle.key)
    }

    /// What to trigger, oldest first; nothing while there is something to look at.
    pub fn triggers(&self) -> impl Iterator<Item = &Planned> {
        let ready = self.looks().next().is_none();
        self.cycles.iter().filter(move |cycle| ready && matches!(cycle.fate, Fate::Trigger { .. }))
    }

    /// Rows that are not there yet.
    pub fn missing_rows(&self) -> impl Iterator<Item = &RunKey> {
        self.cycles.iter().filter(|cycle| cycle.status.is_none()).map(|cycle| &cycle.key)
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
    let cycles = wanted
        .into_iter()
        .map(|(at, place)| {
            let source = sources[place];
            let row = rows.get(&(source.name.as_str(), at)).copied();
            let verdict = cycle::decide(source, row, at, situation);
            let fate = budget.grant(source, verdict.fate);
            let change = verdict.change.or_else(|| unseen(source, row, &fate, situation));
            Planned { key: RunKey::of(&source.name, at), status: row.map(|run| run.status), change, fate }
        })
        .collect();
    Ok(Plan { cycles })
}

/// A cycle that was known before and is still not looked at is late in its time: else nobody would hear of a source that
/// no poll has time for. A backfill's next call goes on with it.
fn unseen(source: &Source, row: Option<&Run>, fate: &Fate, situation: &Situation<'_>) -> Option<Change> {
    let run = row.filter(|run| run.status == RunStatus::Due && *fate == Fate::Remaining(Left::Unseen))?;
    let is_late = situation.now.duration_since(run.at) >= source.late_after && !situation.request.is_backfill();
    is_late.then(|| Change::Late { why: "it was not looked at".to_owned() })
}

/// Whether a row is planned, whichever nominal times the schedule has today: it is in the window; or, where nobody asks for
/// a window, it was left waiting before it, or is still under way.
fn belongs(run: &Run, source: &Source, situation: &Situation<'_>) -> bool {
    let open = matches!(run.status, RunStatus::Due | RunStatus::Late) || run.status.is_in_flight();
    let waiting = open && !situation.request.is_backfill();
    let inside = (situation.request.from(source, situation.now)..=situation.now).contains(&run.at);
    inside || (waiting && run.at <= situation.now)
}

/// What may still be triggered and looked at.
struct Budget<'a> {
    limit: Option<usize>,
    looks: usize,
    in_flight: HashMap<&'a str, usize>,
}

impl<'a> Budget<'a> {
    fn of(situation: &Situation<'a>) -> Self {
        let limit = situation.request.limit().map(|limit| limit.saturating_sub(situation.triggered.len()));
        let mut in_flight = HashMap::new();
        let now = situation.triggered.iter().map(|key| key.source.as_str());
        let before = situation.runs.iter().filter(|run| run.status.is_in_flight());
        let before = before.filter(|run| !situation.triggered.contains(&run.key())).map(|run| run.source.as_str());
        for source in now.chain(before) {
            *in_flight.entry(source).or_default() += 1;
        }
        Self { limit, looks: situation.looks, in_flight }
    }

    /// What comes of a wish; a look takes the place of the trigger that may follow from it.
    fn grant(&mut self, source: &'a Source, wish: Fate) -> Fate {
        if !matches!(wish, Fate::Trigger { .. } | Fate::Look) {
            return wish;
        }
        if self.limit == Some(0) {
            return Fate::Remaining(Left::Limit);
        }
        let in_flight = self.in_flight.entry(&source.name).or_default();
        if *in_flight >= source.concurrency as usize {
            return Fate::Remaining(Left::Concurrency(source.concurrency));
        }
        if wish == Fate::Look {
            match self.looks.checked_sub(1) {
                Some(looks) => self.looks = looks,
                None => return Fate::Remaining(Left::Unseen),
            }
        }
        *in_flight += 1;
        self.limit = self.limit.map(|limit| limit - 1);
        wish
    }
}
