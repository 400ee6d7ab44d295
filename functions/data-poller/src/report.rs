//! What a poll says of itself: every cycle by name, done, skipped and why, or left.

use domain::upstream::plan::{Fate, Plan, Why};
use domain::upstream::{RunKey, cycles};
use runtime::Summary;
use serde::Serialize;

/// The answer.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    #[serde(flatten)]
    pub(crate) summary: Summary,
    /// Cycles that were triggered, oldest first.
    pub(crate) triggered: Vec<String>,
}

/// A cycle by name: `gfs/2026112206`.
pub(crate) fn name(key: &RunKey) -> String {
    format!("{}/{}", key.source, cycles::name(key.at))
}

/// Writes every cycle of a plan into the summary. A poll that nobody asked for counts what is complete and does not name it:
/// the same hundred names every quarter of an hour tell nobody anything.
pub(crate) fn count(plan: &Plan, names_all: bool, summary: &mut Summary) {
    summary.looked_at("cycles", plan.cycles.len());
    for planned in &plan.cycles {
        match &planned.fate {
            Fate::Skipped(Why::Complete) if !names_all => summary.looked_at("complete", 1),
            Fate::Skipped(why) => summary.skipped(name(&planned.key), why.to_string()),
            Fate::Remaining(_) => summary.remaining.push(name(&planned.key)),
            Fate::Look | Fate::Trigger { .. } | Fate::Triggered => {}
        }
    }
}
