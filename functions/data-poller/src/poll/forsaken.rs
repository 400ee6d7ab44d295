//! Runs of sources that the watch file has no more, which nobody follows, and cycles that nobody has made up for: what was told of
//! them ends.

use std::collections::BTreeSet;

use domain::upstream::signals::{run_not_wanted, source_gone};
use domain::upstream::{Compare, RunStatus};
use jiff::SignedDuration;
use runtime::{Fault, Summary};
use store::outbox::Outgoing;
use store::runs::{Move, Row};

use super::Poll;
use crate::report::name;

/// A source that is renamed or removed by mistake may come back within so long, and finds its runs as they were.
pub(super) const AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Who has not made up for a cycle within so long does not want it; what is told of it need not be told again and again.
pub(super) const NOT_MADE_UP_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Poll<'_> {
    /// Ends what is open of sources that nobody knows, and of cycles that nobody has made up for.
    pub(super) async fn forsake(&self, ownerless: &[Row], summary: &mut Summary) -> Result<Vec<Outgoing>, Fault> {
        if ownerless.is_empty() || self.request.is_backfill() {
            return Ok(Vec::new());
        }
        let environment = self.app.watch_file.environment.as_str();
        let mut late = BTreeSet::new();
        let mut steps = Vec::new();
        for row in ownerless {
            let run = &row.run;
            if run.status == RunStatus::Late {
                late.insert(run.source.as_str());
            }
            let source = self.rules.iter().find(|source| source.name == run.source);
            let over = run.told_failed.then(|| match source {
                Some(source) => run_not_wanted(source, run.at, self.now, environment),
                None => source_gone(&run.source, Some(run.at), self.now, environment),
            });
            steps.push(Move {
                from: run.clone(),
                to: if source.is_some() { run.not_wanted() } else { run.forsaken() },
                compare: Compare::StatusAndAttempt,
                run_id: None,
                observed_at: None,
                most: None,
                signal: over.map(Outgoing::from),
            });
        }
        let over = late.into_iter().map(|source| source_gone(source, None, self.now, environment));
        let mut outgoing: Vec<Outgoing> = over.map(Outgoing::from).collect();
        let moved = self.apply(&[], &steps, &outgoing).await?;
        for step in steps.into_iter().filter(|step| moved.contains_key(&step.to.key())) {
            let key = step.to.key();
            let is_known = self.rules.iter().any(|source| source.name == key.source);
            let why = if is_known {
                "nobody has made up for it within a week"
            } else {
                "the watch file has no source of this name any more"
            };
            summary.skipped(name(&key), why);
            outgoing.extend(step.signal);
        }
        Ok(outgoing)
    }
}
