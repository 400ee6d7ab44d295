//! A cycle and its run, as `forecast_runs` keeps them.

use jiff::Timestamp;

use super::{Look, RunStatus};

/// Which cycle: unique, as the row is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunKey {
    /// The nominal time; first, so that keys sort oldest first.
    pub at: Timestamp,
    /// The source's name.
    pub source: String,
}

impl RunKey {
    /// The key of a source's cycle.
    pub fn of(source: &str, at: Timestamp) -> Self {
        Self { at, source: source.to_owned() }
    }
}

/// A cycle and how far its run has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The source's name.
    pub source: String,
    /// The nominal time (`run_timestamp`).
    pub at: Timestamp,
    /// How far it has come.
    pub status: RunStatus,
    /// How often it was triggered since it was last armed by a person: sends that were, or may have been, accepted.
    pub attempts: u32,
    /// How often in a row the trigger surely accepted nothing.
    pub refusals: u32,
    /// The provider's id of the last attempt's job; none while it is not known whether there is one.
    pub external_id: Option<String>,
    /// When it was last triggered: the intent, written before anything was sent.
    pub triggered_at: Option<Timestamp>,
    /// Not to be triggered before this.
    pub retry_at: Option<Timestamp>,
    /// It was armed once by itself after the trigger had refused it for good.
    pub rearmed: bool,
    /// How often it was processed again because upstream had published it again.
    pub reruns: u32,
    /// Why it is `failed`; null in every other status, so that a row set to `failed` by a statement has none.
    pub failure_reason: Option<String>,
    /// What went wrong with the attempt before, while another is to come.
    pub last_failure: Option<String>,
    /// `run-failed` was raised for it, and has not been ended.
    pub told_failed: bool,
    /// Upstream did not have it when its source was first looked at: it is awaited, and nobody is told that it is late.
    pub from_before: bool,
    /// It was given up because nobody looked at it in time: a backfill does.
    pub unseen: bool,
    /// That it was given up is told by the signal of another.
    pub in_story: bool,
    /// What upstream showed when it was last looked at.
    pub look: Option<Look>,
}

impl Run {
    /// A cycle that nobody has looked at.
    pub fn new(source: &str, at: Timestamp) -> Self {
        Self {
            source: source.to_owned(),
            at,
            status: RunStatus::Due,
            attempts: 0,
            refusals: 0,
            external_id: None,
            triggered_at: None,
            retry_at: None,
            rearmed: false,
            reruns: 0,
            failure_reason: None,
            last_failure: None,
            told_failed: false,
            from_before: false,
            unseen: false,
            in_story: false,
            look: None,
        }
    }

    /// Which cycle.
    pub fn key(&self) -> RunKey {
        RunKey::of(&self.source, self.at)
    }

    /// Whether it was given up without having been triggered.
    pub fn is_given_up(&self) -> bool {
        self.failed_for_a_reason() && self.triggered_at.is_none()
    }

    /// Whether people were told that it was given up, by its own signal or by another's.
    pub fn is_of_a_story(&self) -> bool {
        self.told_failed || self.in_story
    }

    /// Whether a person has to say what becomes of it: it failed, and why is known.
    pub fn failed_for_a_reason(&self) -> bool {
        self.status == RunStatus::Failed && self.failure_reason.is_some()
    }
}
