//! How late upstream is by a plan: what is raised of it, and the metric of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::Timestamp;
use domain::upstream::plan::{Change, Fate, Why};
use domain::upstream::signals::{Overdue, upstream_late};
use domain::upstream::{Plan, Planned, Request, Run, RunKey, RunStatus, Source};
use store::outbox::Outgoing;

use crate::announce;

/// What a plan is about.
pub(crate) struct Lateness<'a> {
    pub(crate) sources: &'a [Source],
    pub(crate) request: &'a Request,
    pub(crate) plan: &'a Plan,
    /// Sources of which people were told that they are late, and not of its end: what one poll tells, another may find over.
    pub(crate) told: &'a BTreeSet<String>,
    pub(crate) now: Timestamp,
}

/// How late the cycles of a source were, and are after the plan.
struct Standing {
    /// The newest that was late, or any, where people were told that it is late.
    before: Option<Timestamp>,
    late: Vec<Overdue>,
    /// What this plan gives up, oldest first.
    given_up: Vec<Timestamp>,
}

impl Lateness<'_> {
    /// Sources of which nothing is late any more, each with its newest cycle that was.
    pub(crate) fn ends(&self, known: &HashMap<RunKey, Run>) -> Vec<(&str, Timestamp)> {
        let ended = |standing: Standing| standing.before.filter(|_| standing.late.is_empty());
        self.about().filter_map(|source| Some((source.name.as_str(), ended(self.standing(source, known))?))).collect()
    }

    /// Signals of sources whose upstream has become late, or is not late any more. `known` are the rows as they were read: a
    /// late one stays late where this plan is not about it, or leaves it to the next call. `given_up` are cycles of the sources
    /// that end, given up before this plan.
    pub(crate) fn signals(
        &self,
        known: &HashMap<RunKey, Run>,
        given_up: &BTreeMap<String, Vec<Timestamp>>,
        environment: &str,
    ) -> Vec<Outgoing> {
        let raised = self.about().filter_map(|source| {
            let Standing { before, late, given_up: now_given_up } = self.standing(source, known);
            let earlier = given_up.get(&source.name).into_iter().flatten().copied();
            let all: BTreeSet<Timestamp> = earlier.chain(now_given_up).collect();
            let all: Vec<Timestamp> = all.into_iter().collect();
            upstream_late(source, before.is_some(), &late, &all, self.now, environment)
        });
        raised.map(Outgoing::from).collect()
    }

    fn standing(&self, source: &Source, known: &HashMap<RunKey, Run>) -> Standing {
        let of_source: Vec<&Planned> =
            self.plan.cycles.iter().filter(|planned| planned.key.source == source.name).collect();
        let planned: HashSet<&RunKey> = of_source.iter().map(|planned| &planned.key).collect();
        let was_late = |run: &&Run| run.source == source.name && run.status == RunStatus::Late;
        let before: Vec<&Run> = known.values().filter(was_late).collect();
        let beyond = before.iter().filter(|run| !planned.contains(&run.key())).map(|run| run.at);
        let beyond = beyond.map(|at| Overdue { at, why: "it was not looked at".to_owned() });
        let mut late: Vec<Overdue> = of_source.iter().filter_map(|planned| overdue(planned)).chain(beyond).collect();
        late.sort_by_key(|one| one.at);
        let is_given_up = |planned: &&&Planned| matches!(planned.change, Some(Change::GivenUp { .. }));
        let given_up = of_source.iter().filter(is_given_up).map(|planned| planned.key.at).collect();
        let told = self.told.contains(&source.name).then_some(self.now);
        Standing { before: before.iter().map(|run| run.at).max().or(told), late, given_up }
    }

    /// For how long upstream has kept the oldest cycle of each source waiting beyond its usual delay, in seconds; of a
    /// backfill nothing, whose window is of its own.
    pub(crate) fn lags(&self) -> BTreeMap<&str, f64> {
        let about = self.about().filter(|_| !self.request.is_backfill());
        about
            .map(|source| {
                let waits = |why: &Why| matches!(why, Why::Waiting(_) | Why::Late(_));
                let of_source = self.plan.cycles.iter().filter(|planned| planned.key.source == source.name);
                let waiting = of_source.filter(|planned| matches!(&planned.fate, Fate::Skipped(why) if waits(why)));
                let oldest = waiting.map(|planned| planned.key.at).min();
                (source.name.as_str(), announce::lag(source, oldest, self.now))
            })
            .collect()
    }

    fn about(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(|source| self.request.is_about(source))
    }
}

/// A cycle that is late after the plan.
fn overdue(planned: &Planned) -> Option<Overdue> {
    let why = match (&planned.fate, &planned.change) {
        (Fate::Skipped(Why::Late(why)), _) | (Fate::Remaining(_), Some(Change::Late { why })) => why.clone(),
        (Fate::Trigger { .. } | Fate::Triggered, _) => return None,
        // Nothing was found out about it.
        (_, None) if planned.status == Some(RunStatus::Late) => "it was not looked at".to_owned(),
        _ => return None,
    };
    Some(Overdue { at: planned.key.at, why })
}
