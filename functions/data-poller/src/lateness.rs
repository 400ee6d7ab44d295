//! How late upstream is by a plan: what is raised of it, and the metric of it.

use std::collections::{BTreeMap, HashMap, HashSet};

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
    pub(crate) now: Timestamp,
}

impl Lateness<'_> {
    /// Signals of sources whose upstream has become late, or is not late any more. `known` are the rows as they were read: a
    /// late one stays late where this plan is not about it, or leaves it to the next call.
    pub(crate) fn signals(&self, known: &HashMap<RunKey, Run>, environment: &str) -> Vec<Outgoing> {
        let planned: HashSet<&RunKey> = self.plan.cycles.iter().map(|planned| &planned.key).collect();
        let raised = self.about().filter_map(|source| {
            let before = known.values().filter(|run| run.source == source.name && run.status == RunStatus::Late);
            let before: Vec<&Run> = before.collect();
            let beyond = before.iter().filter(|run| !planned.contains(&run.key())).map(|run| run.at);
            let beyond = beyond.map(|at| Overdue { at, why: "it was not looked at".to_owned() });
            let of_source = self.plan.cycles.iter().filter(|planned| planned.key.source == source.name);
            let mut late: Vec<Overdue> = of_source.filter_map(overdue).chain(beyond).collect();
            late.sort_by_key(|one| one.at);
            upstream_late(source, !before.is_empty(), &late, self.now, environment)
        });
        raised.map(Outgoing::from).collect()
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
