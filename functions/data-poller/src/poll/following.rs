//! Follows what is under way, and writes down what became of it.

use domain::upstream::RunStatus;
use runtime::{Fault, Summary};
use store::outbox::Outgoing;
use store::runs::Row;

use super::Poll;
use crate::follow;
use crate::report::name;
use crate::tried::Tried;

impl Poll<'_> {
    /// Follows what is under way; `rows` are as they stand afterwards.
    pub(super) async fn follow(
        &self,
        rows: &mut [Row],
        tried: &mut Tried,
        summary: &mut Summary,
    ) -> Result<Vec<Outgoing>, Fault> {
        let followed = follow::all(self.app, rows, self.parameters, self.now, self.until()).await?;
        summary.looked_at("under_way", followed.looked_at);
        followed.asked.iter().for_each(|key| tried.asked(key));
        for (key, why) in followed.unanswered {
            tried.failed(&key, &why);
            summary.failed(name(&key), why);
        }
        if followed.moves.is_empty() {
            return Ok(Vec::new());
        }
        let moved = self.apply(&[], &followed.moves, &[]).await?;
        let mut outgoing = Vec::new();
        for step in followed.moves {
            let key = step.to.key();
            if !moved.contains_key(&key) {
                continue;
            }
            match step.to.status {
                RunStatus::Complete => summary.did("completed", 1),
                RunStatus::Failed => summary.did("failed", 1),
                _ => {}
            }
            outgoing.extend(step.signal);
            if let Some(row) = rows.iter_mut().find(|row| row.run.key() == key) {
                let ended = matches!(step.to.status, RunStatus::Complete | RunStatus::Failed);
                if ended && row.run.status != step.to.status {
                    row.finished_at = Some(self.now);
                    row.announced_at = None;
                }
                row.run = step.to;
            }
        }
        Ok(outgoing)
    }
}
