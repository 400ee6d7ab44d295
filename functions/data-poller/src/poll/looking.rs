//! Plans, and looks upstream for what the plan has to know.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use config::watch_file::Source;
use domain::upstream::plan::Situation;
use domain::upstream::{Found, Plan, Run, RunKey, plan};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use runtime::{Fault, Summary};

use super::Poll;
use crate::tried::{Tried, Waited};
use crate::upstream::{Looker, Lookout, Seen};

/// So many cycles of a source are looked at in one poll.
const MOST_LOOKS: usize = 500;

impl Poll<'_> {
    /// Looks within what an invocation may spend on it.
    pub(super) fn looker(&self) -> Looker<'_> {
        Looker::new(&self.app.mirrors, &self.app.watch_file.sources, self.now, self.until())
    }

    /// Plans, and looks upstream until the plan wants no more looks.
    pub(super) async fn plan(
        &self,
        runs: &[Run],
        held: &BTreeMap<String, String>,
        looker: &mut Looker<'_>,
        tried: &mut Tried,
        summary: &mut Summary,
    ) -> Result<Plan, Fault> {
        let planned = self.look(runs, held, looker).await?;
        let (listings, unread) = looker.told();
        summary.looked_at("looked_at_upstream", looker.found.len());
        summary.did("listings", listings);
        for (key, found) in &looker.found {
            match found {
                Found::Unreadable { why } => tried.unread(key, why, self.is_waited_for(key)),
                Found::Complete { .. } | Found::Waiting { .. } => tried.asked(key),
            }
        }
        // Each mirror once, however many cycles were looked for at it.
        unread.into_iter().for_each(|(mirror, why)| summary.failed(mirror, why));
        Ok(planned)
    }

    /// Looks at the cycles of each source one after the other, the oldest first, and at those of several sources side by
    /// side: no source waits for the mirrors of another.
    async fn look(
        &self,
        runs: &[Run],
        held: &BTreeMap<String, String>,
        looker: &mut Looker<'_>,
    ) -> Result<Plan, Fault> {
        let known: HashMap<RunKey, &Run> = runs.iter().map(|run| (run.key(), run)).collect();
        let Looker { lookout, until, found, sites, unseen } = looker;
        let until = *until;
        let (mut lanes, mut busy) = (FuturesUnordered::new(), HashSet::new());
        loop {
            let looks = if Instant::now() < until { MOST_LOOKS } else { 0 };
            let planned = self.planned(runs, held, found, looks)?;
            let mut wanted: BTreeMap<&str, Vec<RunKey>> = BTreeMap::new();
            for key in planned.looks().filter(|key| !busy.contains(&key.source) && !unseen.contains(*key)) {
                wanted.entry(&key.source).or_default().push(key.clone());
            }
            for (name, keys) in wanted {
                let Some(source) = self.app.watch_file.source(name) else { continue };
                busy.insert(name.to_owned());
                lanes.push(lane(lookout, source, keys, &known, until));
            }
            let Some((source, seen)) = lanes.next().await else {
                // What is still wanted, there was no time for: it is left to the next call.
                let is_done = planned.looks().next().is_none();
                return if is_done { Ok(planned) } else { self.planned(runs, held, found, 0) };
            };
            busy.remove(&source.rules.name);
            for (key, one) in seen {
                sites.extend(one.site.map(|site| (key.clone(), site)));
                match one.found {
                    Some(one) => drop(found.insert(key, one)),
                    None => drop(unseen.insert(key)),
                }
            }
        }
    }

    fn planned(
        &self,
        runs: &[Run],
        held: &BTreeMap<String, String>,
        found: &HashMap<RunKey, Found>,
        looks: usize,
    ) -> Result<Plan, Fault> {
        let nothing = HashSet::new();
        let situation = Situation {
            sources: self.rules,
            runs,
            held,
            found,
            triggered: &nothing,
            looks,
            request: self.request,
            now: self.now,
        };
        plan(&situation).map_err(|too_many| Fault::bad_payload(too_many.to_string()))
    }

    fn is_waited_for(&self, key: &RunKey) -> Waited {
        let source = self.rules.iter().find(|source| source.name == key.source);
        let is_expected = source.is_none_or(|source| self.now.duration_since(key.at) >= source.expected_after);
        if is_expected || self.request.is_backfill() { Waited::For } else { Waited::NotYet }
    }
}

/// Looks at cycles of one source. What there is no time for is left to the next call: it is not that upstream does not
/// answer.
async fn lane<'s>(
    lookout: &Lookout<'_>,
    source: &'s Source,
    keys: Vec<RunKey>,
    known: &HashMap<RunKey, &Run>,
    until: Instant,
) -> (&'s Source, Vec<(RunKey, Seen)>) {
    let mut seen = Vec::with_capacity(keys.len());
    for key in keys {
        if Instant::now() >= until {
            break;
        }
        let one = lookout.look(source, key.at, known.get(&key).copied()).await;
        seen.push((key, one));
    }
    (source, seen)
}
