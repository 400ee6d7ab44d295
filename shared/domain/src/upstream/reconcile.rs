//! Follows a run that was triggered to its end, by whatever shows how it stands.

mod step;

use jiff::Timestamp;

use super::{Run, RunStatus, Source, retry};
use crate::duration;

/// Something that shows how a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The provider, asked or by its completion message, says how a job is.
    Said {
        /// Of which attempt, where it says so.
        attempt: Option<u32>,
        /// How it is.
        job: Job,
    },
    /// The provider does not know the job (404): it never did, or forgot it after its end. RunPod keeps results of `/run` for
    /// 30 minutes (docs.runpod.io/serverless/endpoints/send-requests).
    Forgotten,
    /// The provider did not answer.
    Unanswered(String),
    /// The provider keeps no status that could be asked: a queue, a function invoked asynchronously.
    NoStatus,
    /// The provider has cancelled the job.
    Cancelled,
    /// The provider could not be told to.
    NotCancelled(String),
    /// What the run makes is there.
    Output,
    /// The worker's own row says that it is done.
    CompletionRow,
}

/// How a provider says that a job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// Nobody works on it yet.
    Queued,
    /// A worker has it.
    Running,
    /// It ended well.
    Succeeded,
    /// It did not; with what was said.
    Failed(String),
}

/// What to do with a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it is not under way.
    Nothing,
    /// Nothing before an instant, unless something is heard of it.
    Wait {
        /// Until when.
        until: Timestamp,
    },
    /// Note the provider's id of its job.
    Accepted {
        /// The id.
        external_id: String,
    },
    /// Ask the provider about its job, and decide again.
    Ask {
        /// The job.
        external_id: String,
    },
    /// Cancel its job, and decide again.
    Cancel {
        /// The job.
        external_id: String,
    },
    /// It has begun.
    Running,
    /// It ended well.
    Complete,
    /// It is due again: this attempt is lost, and there is another.
    Retry {
        /// When.
        at: Timestamp,
        /// Why.
        why: String,
    },
    /// It is due again: this attempt was surely never accepted, and does not count.
    Later {
        /// When.
        at: Timestamp,
        /// Why.
        why: String,
        /// Whether it is armed by itself for the only time.
        rearmed: bool,
    },
    /// It has failed: this attempt was surely never accepted, does not count, and is not tried again.
    GiveUp {
        /// Why.
        why: String,
    },
    /// It has failed.
    Fail {
        /// Why.
        why: String,
    },
}

/// What to do with a run, given everything that shows how it stands.
pub fn reconcile(source: &Source, run: &Run, evidence: &[Evidence], now: Timestamp) -> Next {
    if evidence.iter().any(Evidence::is_success) && may_still_complete(run) {
        return Next::Complete;
    }
    if !run.status.is_in_flight() {
        return Next::Nothing;
    }
    if let Some(why) = evidence.iter().find_map(|one| one.failure_of(run.attempts)) {
        return lost(source, run, why, now);
    }
    let ends_at = ends_at(source, run);
    if now < ends_at { under_way(run, evidence, ends_at) } else { overdue(source, run, evidence, now) }
}

/// When a run has taken too long. One of which nobody has noted when it was triggered, which a statement can leave behind,
/// counts from the last instant at which it was to be triggered by itself.
pub(super) fn ends_at(source: &Source, run: &Run) -> Timestamp {
    let began = run.triggered_at.or_else(|| run.at.saturating_add(source.look_back).ok()).unwrap_or(run.at);
    began.saturating_add(source.max_runtime).unwrap_or(Timestamp::MAX)
}

/// A success counts however late it is heard of, but not of what a statement has set to be made anew.
fn may_still_complete(run: &Run) -> bool {
    match run.status {
        RunStatus::Triggered | RunStatus::Running => true,
        RunStatus::Due | RunStatus::Late | RunStatus::Held => run.attempts > 0,
        RunStatus::Failed => run.failed_for_a_reason(),
        RunStatus::Complete | RunStatus::Deleted => false,
    }
}

fn under_way(run: &Run, evidence: &[Evidence], ends_at: Timestamp) -> Next {
    let begun = evidence.iter().any(|one| one.is_running(run.attempts));
    if begun && run.status == RunStatus::Triggered {
        return Next::Running;
    }
    match &run.external_id {
        Some(external_id) if !asked(evidence) => Next::Ask { external_id: external_id.clone() },
        _ => Next::Wait { until: ends_at },
    }
}

/// Whether the provider has been asked in this invocation, or need not be.
fn asked(evidence: &[Evidence]) -> bool {
    !evidence.is_empty()
}

fn overdue(source: &Source, run: &Run, evidence: &[Evidence], now: Timestamp) -> Next {
    let length = duration::display(source.max_runtime);
    let Some(external_id) = &run.external_id else {
        if run.status == RunStatus::Running {
            // It has begun, and under which id is not known.
            return mute(source, run, "its job's id is not known", now);
        }
        let why = format!("nothing has shown for {length} that its trigger was accepted");
        return lost(source, run, why, now);
    };
    let has = |wanted: fn(&Evidence) -> bool| evidence.iter().any(wanted);
    if !asked(evidence) {
        return Next::Ask { external_id: external_id.clone() };
    }
    if has(|one| matches!(one, Evidence::Cancelled)) {
        return lost(source, run, format!("it took longer than {length} and was cancelled"), now);
    }
    if has(|one| matches!(one, Evidence::Forgotten | Evidence::NoStatus)) {
        let why = format!("nothing has shown for {length} that it ended, and the provider does not know of it");
        return lost(source, run, why, now);
    }
    let silent = evidence.iter().find_map(|one| match one {
        Evidence::Unanswered(why) | Evidence::NotCancelled(why) => Some(why),
        _ => None,
    });
    match silent {
        None => Next::Cancel { external_id: external_id.clone() },
        Some(why) => mute(source, run, why, now),
    }
}

/// A run that has taken too long and cannot be cancelled. The provider ends its job by itself (`executionTimeout`, `ttl`);
/// whether it has, is not known, so that it is given as long again.
fn mute(source: &Source, run: &Run, why: &str, now: Timestamp) -> Next {
    let until = ends_at(source, run).saturating_add(source.max_runtime).unwrap_or(Timestamp::MAX);
    if now < until {
        return Next::Wait { until };
    }
    let length = duration::display(source.max_runtime.saturating_add(source.max_runtime));
    lost(source, run, format!("it took longer than {length}, and could not be cancelled: {why}"), now)
}

fn lost(source: &Source, run: &Run, why: String, now: Timestamp) -> Next {
    match retry::after_attempt(source, run, now) {
        Some(at) => Next::Retry { at, why },
        None => Next::Fail { why: format!("attempt {} of {}: {why}", run.attempts, source.attempts) },
    }
}

impl Evidence {
    fn is_success(&self) -> bool {
        matches!(self, Self::Output | Self::CompletionRow | Self::Said { job: Job::Succeeded, .. })
    }

    fn is_running(&self, attempt: u32) -> bool {
        matches!(self, Self::Said { attempt: of, job: Job::Running } if of.is_none_or(|of| of == attempt))
    }

    /// How this attempt failed, if this says so; what an earlier one did is known.
    fn failure_of(&self, attempt: u32) -> Option<String> {
        match self {
            Self::Said { attempt: of, job: Job::Failed(why) } if of.is_none_or(|of| of == attempt) => Some(why.clone()),
            _ => None,
        }
    }
}
