//! What becomes of runs, as moves: from how each was read to what was decided, with the signal that tells of it.

use config::WatchFile;
use domain::Timestamp;
use domain::upstream::plan::Change;
use domain::upstream::reconcile::Next;
use domain::upstream::signals::{run_failed, run_recovered};
use domain::upstream::{Compare, Mover, Run, RunStatus, Source, may_move};
use runtime::Fault;
use store::outbox::Outgoing;
use store::runs::Move;

/// Makes moves at an instant.
#[derive(Clone, Copy)]
pub(crate) struct Moves<'a> {
    pub(crate) watch_file: &'a WatchFile,
    pub(crate) now: Timestamp,
}

impl Moves<'_> {
    /// What a decision about a run that was triggered makes of it; nothing where it stays as it is.
    ///
    /// # Errors
    /// When the decision moves it where this mover may not: a mistake of ours, which must not be written.
    pub(crate) fn after(self, source: &Source, run: &Run, next: &Next, by: Mover) -> Result<Option<Move>, Fault> {
        let to = run.after(next);
        if to == *run {
            return Ok(None);
        }
        let compare = self.compare(run, &to, by)?;
        Ok(Some(self.told(source, run, to, compare)))
    }

    /// What a change that a plan wants makes of a run.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn change(self, source: &Source, run: &Run, change: &Change) -> Result<Move, Fault> {
        let status = change.to();
        let to = match change {
            Change::Late { .. } | Change::Held | Change::Due => Run { status, ..run.clone() },
            Change::FromBefore => Run { status, from_before: true, ..run.clone() },
            Change::Republished => run.republished(),
            Change::Awaited => run.anew(),
            Change::Failed { why } => run.failed(why),
            Change::GivenUp { why, unseen, told } => run.given_up(why, *unseen, *told),
        };
        let by = if *change == Change::Awaited { Mover::Person } else { Mover::Poller };
        let compare = self.compare(run, &to, by)?;
        // What is said of the jobs before is about nothing any more.
        let run_id = matches!(change, Change::Republished | Change::Awaited).then(uuid::Uuid::now_v7);
        Ok(Move { run_id, ..self.told(source, run, to, compare) })
    }

    /// The intent to trigger a run, which takes one of its source's places.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn intent(self, source: &Source, run: &Run, anew: bool) -> Result<Move, Fault> {
        let to = run.triggered(anew, self.now);
        let by = if run.status == RunStatus::Failed { Mover::Person } else { Mover::Poller };
        let compare = self.compare(run, &to, by)?;
        let run_id = anew.then(uuid::Uuid::now_v7);
        Ok(Move { run_id, most: Some(source.concurrency), ..self.told(source, run, to, compare) })
    }

    /// A run that ended well without us, of which people were told that it had failed.
    pub(crate) fn recovered(self, source: &Source, run: &Run) -> Move {
        self.told(source, run, Run { told_failed: false, ..run.clone() }, Compare::Status)
    }

    fn compare(self, from: &Run, to: &Run, by: Mover) -> Result<Compare, Fault> {
        if from.status == to.status {
            // What is noted of an attempt is void for the next.
            return Ok(Compare::StatusAndAttempt);
        }
        may_move(from.status, to.status, by)
            .map_err(|refusal| Fault::from(anyhow::Error::new(refusal).context(from.source.clone())))
    }

    /// Failing is told once, and so is its end.
    fn told(self, source: &Source, from: &Run, to: Run, compare: Compare) -> Move {
        let environment = self.watch_file.environment.as_str();
        let fails = to.told_failed && !from.told_failed;
        let signal = match &to.failure_reason {
            Some(why) if fails => Some(run_failed(source, to.at, why, self.now, environment)),
            _ if from.told_failed && !to.told_failed => Some(run_recovered(source, to.at, self.now, environment)),
            _ => None,
        };
        let signal = signal.map(Outgoing::from);
        Move { from: from.clone(), to, compare, run_id: None, observed_at: None, most: None, signal }
    }
}
