//! Plans, and looks upstream for what the plan has to know.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::upstream::plan::Situation;
use domain::upstream::{Plan, Run, RunKey, plan};
use runtime::{Fault, Summary};

use super::Poll;
use crate::report::name;
use crate::tried::Tried;
use crate::upstream::Looker;

/// So many cycles are looked at in one poll, the oldest first.
const MOST_LOOKS: usize = 500;

impl Poll<'_> {
    /// Looks within what an invocation may spend on it.
    pub(super) fn looker(&self) -> Looker<'_> {
        Looker::new(&self.app.mirrors, &self.app.http, self.now, self.until())
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
        let nothing = HashSet::new();
        let known: HashMap<RunKey, &Run> = runs.iter().map(|run| (run.key(), run)).collect();
        loop {
            let situation = Situation {
                sources: self.rules,
                runs,
                held,
                found: &looker.found,
                triggered: &nothing,
                looks: if looker.is_out_of_time() { 0 } else { MOST_LOOKS.saturating_sub(looker.found.len()) },
                request: self.request,
                now: self.now,
            };
            let planned = plan(&situation).map_err(|too_many| Fault::bad_payload(too_many.to_string()))?;
            let wanted: Vec<RunKey> = planned.looks().cloned().collect();
            if wanted.is_empty() {
                summary.looked_at("looked_at_upstream", looker.found.len());
                summary.did("listings", looker.listings);
                looker.found.keys().for_each(|key| tried.asked(key));
                for (key, why) in &looker.failed {
                    tried.failed(key, why);
                    summary.failed(name(key), why.clone());
                }
                return Ok(planned);
            }
            for key in wanted {
                // What there is no time for is left to the next call: it is not that upstream does not answer.
                if looker.is_out_of_time() {
                    break;
                }
                let Some(source) = self.app.watch_file.source(&key.source) else { continue };
                looker.look(source, key.at, known.get(&key).copied()).await;
            }
        }
    }
}
