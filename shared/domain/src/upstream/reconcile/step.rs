//! What a run's row becomes by each step: the values that the statement of the move writes.

use jiff::Timestamp;

use super::Next;
use crate::notification::truncate;
use crate::upstream::plan::Told;
use crate::upstream::{Run, RunStatus};

/// Longest reason, in characters: it quotes what a provider said, which may be anything.
const LONGEST_REASON: usize = 500;

impl Run {
    /// Triggered: the intent, written before anything is sent. `anew` where a person has armed it, or upstream has published
    /// it again: attempts are counted from the beginning, and the row gets another `run_id`, so that nothing that is heard of
    /// the runs before is taken for this one's.
    #[must_use]
    pub fn triggered(&self, anew: bool, now: Timestamp) -> Self {
        let before = if anew { self.anew() } else { self.clone() };
        Self {
            status: RunStatus::Triggered,
            attempts: before.attempts.saturating_add(1),
            triggered_at: Some(now),
            external_id: None,
            retry_at: None,
            failure_reason: None,
            ..before
        }
    }

    /// Due as if it had never been triggered.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self {
            look: self.look.clone(),
            reruns: self.reruns,
            told_failed: self.told_failed,
            ..Self::new(&self.source, self.at)
        }
    }

    /// Due again, because upstream has published it again.
    #[must_use]
    pub fn republished(&self) -> Self {
        Self { reruns: self.reruns.saturating_add(1), ..self.anew() }
    }

    /// What becomes of it by a decision.
    #[must_use]
    pub fn after(&self, next: &Next) -> Self {
        let run = self.clone();
        match next {
            Next::Nothing | Next::Wait { .. } | Next::Ask { .. } | Next::Cancel { .. } => run,
            Next::Accepted { external_id } => Self { external_id: Some(external_id.clone()), refusals: 0, ..run },
            Next::Running => Self { status: RunStatus::Running, ..run },
            Next::Complete => Self {
                status: RunStatus::Complete,
                refusals: 0,
                retry_at: None,
                failure_reason: None,
                last_failure: None,
                told_failed: false,
                ..run
            },
            Next::Retry { at, why } => Self {
                status: RunStatus::Due,
                retry_at: Some(*at),
                last_failure: Some(truncate(why, LONGEST_REASON)),
                ..run
            },
            Next::Later { at, why, rearmed } => Self {
                status: RunStatus::Due,
                attempts: run.attempts.saturating_sub(1),
                refusals: run.refusals.saturating_add(1),
                retry_at: Some(*at),
                last_failure: Some(truncate(why, LONGEST_REASON)),
                rearmed: *rearmed,
                ..run
            },
            Next::GiveUp { why } => Self { attempts: run.attempts.saturating_sub(1), ..run.failed(why) },
            Next::Fail { why } => run.failed(why),
        }
    }

    /// Nobody has made up for it: what was told of it is over, and stays told.
    #[must_use]
    pub fn not_wanted(&self) -> Self {
        Self { told_failed: false, in_story: true, ..self.clone() }
    }

    /// Nobody knows its source any more: what was told of it is over.
    #[must_use]
    pub fn forsaken(&self) -> Self {
        let has_ended = matches!(self.status, RunStatus::Complete | RunStatus::Failed | RunStatus::Deleted);
        let ended =
            if has_ended { self.clone() } else { self.failed("the watch file has no source of this name any more") };
        Self { told_failed: false, ..ended }
    }

    /// Given up without having been triggered.
    #[must_use]
    pub fn given_up(&self, why: &str, unseen: bool, told: Told) -> Self {
        Self {
            told_failed: self.told_failed || told == Told::Itself,
            in_story: self.in_story || told == Told::WithAnother,
            unseen,
            ..self.failed(why)
        }
    }

    /// Failed for a reason: `run-failed` is raised with the same transaction.
    #[must_use]
    pub fn failed(&self, why: &str) -> Self {
        Self {
            status: RunStatus::Failed,
            retry_at: None,
            failure_reason: Some(truncate(why, LONGEST_REASON)),
            told_failed: true,
            ..self.clone()
        }
    }
}
