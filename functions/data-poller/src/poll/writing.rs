//! What a poll writes down, each in one transaction: cycles and changes of rows, then the intents to trigger.

use std::collections::{BTreeMap, HashMap};

use domain::upstream::plan::Fate;
use domain::upstream::{Compare, Found, Look, Plan, Run, RunKey, RunStatus};
use runtime::{Fault, Summary};
use store::outbox::Outgoing;
use store::runs::{self, Move};

use super::Poll;
use crate::app::patience;
use crate::lateness::Lateness;
use crate::moves::Moves;
use crate::report::name;
use crate::starting::Intent;
use crate::upstream::{Looker, Site};

impl Poll<'_> {
    /// Writes cycles that are new, and changes that are no triggers. Answers how those rows stand now.
    pub(super) async fn write_changes(
        &self,
        lateness: &Lateness<'_>,
        known: &HashMap<RunKey, Run>,
        looker: &Looker<'_>,
        outgoing: &mut Vec<Outgoing>,
    ) -> Result<HashMap<RunKey, Run>, Fault> {
        let plan = lateness.plan;
        let moves = Moves { watch_file: &self.app.watch_file, now: self.now };
        let new: Vec<RunKey> = plan.missing_rows().cloned().collect();
        let mut steps: Vec<Move> = Vec::new();
        for planned in &plan.cycles {
            let Some(source) = self.app.watch_file.source(&planned.key.source) else { continue };
            let run = known.get(&planned.key).cloned().unwrap_or_else(|| Run::new(&planned.key.source, planned.key.at));
            let look = match looker.found.get(&planned.key) {
                Some(Found::Complete { look }) => look.clone(),
                // What was processed is compared with what is whole, not with what is being written again.
                Some(Found::Waiting { look, .. }) if run.status == RunStatus::Complete => {
                    run.look.clone().map(|processed| Look { again: look.clone().map(Box::new), ..processed })
                }
                Some(Found::Waiting { look, .. }) => look.clone(),
                Some(Found::Unreadable { .. }) | None => None,
            };
            let seen = Run { look: look.or_else(|| run.look.clone()), ..run.clone() };
            match &planned.change {
                Some(change) => {
                    let mut step = moves.change(&source.rules, &seen, change)?;
                    step.from = run;
                    steps.push(step);
                }
                // What was seen is kept for the next look; a trigger writes it with its intent.
                None if seen.look != run.look && !matches!(planned.fate, Fate::Trigger { .. }) => {
                    steps.push(Move {
                        from: run,
                        to: seen,
                        compare: Compare::StatusAndAttempt,
                        run_id: None,
                        observed_at: None,
                        most: None,
                        signal: None,
                    });
                }
                None => {}
            }
        }
        let ends = lateness.ends(known);
        let given_up = if ends.is_empty() {
            BTreeMap::new()
        } else {
            runs::given_up(&self.store.connection.client, &ends, patience(self.deadline)).await?
        };
        let late = lateness.signals(known, &given_up, self.app.watch_file.environment.as_str());
        if new.is_empty() && steps.is_empty() && late.is_empty() {
            return Ok(HashMap::new());
        }
        let moved = self.apply(&new, &steps, &late).await?;
        outgoing.extend(late);
        let steps = steps.into_iter().filter(|step| moved.contains_key(&step.to.key()));
        Ok(steps
            .map(|step| {
                outgoing.extend(step.signal);
                (step.to.key(), step.to)
            })
            .collect())
    }

    /// Writes the intents; what a switch has held since it was planned, what somebody else has taken, and what exceeds the
    /// source's places, is none.
    pub(super) async fn write_intents(
        &self,
        plan: &Plan,
        held: &BTreeMap<String, String>,
        (known, changed): (&HashMap<RunKey, Run>, &HashMap<RunKey, Run>),
        looker: &mut Looker<'_>,
        summary: &mut Summary,
    ) -> Result<Vec<Intent<'_>>, Fault> {
        let moves = Moves { watch_file: &self.app.watch_file, now: self.now };
        let (mut steps, mut sites): (Vec<Move>, HashMap<RunKey, Site>) = Default::default();
        for planned in plan.triggers() {
            let (Fate::Trigger { anew, .. }, Some(source)) =
                (&planned.fate, self.app.watch_file.source(&planned.key.source))
            else {
                continue;
            };
            if let Some(why) = held.get(&source.rules.name) {
                summary.skipped(name(&planned.key), format!("held: {why}"));
                continue;
            }
            if planned.change.is_some() && !changed.contains_key(&planned.key) {
                summary.skipped(name(&planned.key), "somebody else has changed it meanwhile");
                continue;
            }
            let fresh = || Run::new(&planned.key.source, planned.key.at);
            let run = changed.get(&planned.key).or_else(|| known.get(&planned.key)).cloned().unwrap_or_else(fresh);
            let look = match looker.found.get(&planned.key) {
                Some(Found::Complete { look }) => look.clone(),
                _ => None,
            };
            let mut step = moves.intent(&source.rules, &run, *anew)?;
            step.to.look = look.or(step.to.look);
            match looker.site(source, &step.to).await {
                Ok(site) => {
                    step.observed_at = site.observed_at;
                    sites.insert(planned.key.clone(), site);
                    steps.push(step);
                }
                Err(why) => summary.failed(name(&planned.key), format!("not triggered now: {why}")),
            }
        }
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let moved = self.apply(&[], &steps, &[]).await?;
        let mut intents = Vec::new();
        for step in steps {
            let key = step.to.key();
            let (Some(run_id), Some(source)) = (moved.get(&key), self.app.watch_file.source(&key.source)) else {
                summary.skipped(name(&key), "somebody else has taken it, or its place, meanwhile");
                continue;
            };
            let site = sites.remove(&key).unwrap_or_default();
            intents.push(Intent { source, run: step.to, run_id: *run_id, site });
        }
        Ok(intents)
    }

    pub(super) async fn apply(
        &self,
        new: &[RunKey],
        steps: &[Move],
        outgoing: &[Outgoing],
    ) -> Result<runs::Moved, Fault> {
        let client = &self.store.connection.client;
        Ok(runs::apply(client, new, steps, outgoing, self.now, patience(self.deadline)).await?)
    }
}
