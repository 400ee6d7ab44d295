//! The states of a run, and the one table of who may move it from which to which.

use std::fmt;

/// How far a cycle and its run have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RunStatus {
    /// Its nominal time has come; upstream, or the next attempt, is awaited.
    Due,
    /// Upstream should have published it by now.
    Late,
    /// A switch is off: nothing may be triggered.
    Held,
    /// Its run is triggered, or is about to be.
    Triggered,
    /// Its run has begun.
    Running,
    /// Its run has succeeded.
    Complete,
    /// Its run has failed, or it will never be triggered by itself.
    Failed,
    /// What its run made was deleted.
    Deleted,
}

impl RunStatus {
    /// All of them, in the order in which a cycle passes through them.
    pub const ALL: [Self; 8] = [
        Self::Due,
        Self::Late,
        Self::Held,
        Self::Triggered,
        Self::Running,
        Self::Complete,
        Self::Failed,
        Self::Deleted,
    ];

    /// The word in the column `forecast_runs.status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Late => "late",
            Self::Held => "held",
            Self::Triggered => "triggered",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Deleted => "deleted",
        }
    }

    /// Reads the word of the column back.
    pub fn from_stored(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether a job may be under way for it.
    pub const fn is_in_flight(self) -> bool {
        matches!(self, Self::Triggered | Self::Running)
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who moves a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mover {
    /// A poll: what was found upstream, switches, triggers.
    Poller,
    /// The following of runs that were triggered.
    Reconciler,
    /// A completion message from the provider.
    Webhook,
    /// The job itself: its claim, and its completion row.
    Worker,
    /// A person: a backfill, `force_retry`, a statement.
    Person,
    /// Retention.
    Archiver,
}

impl Mover {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Poller, Self::Reconciler, Self::Webhook, Self::Worker, Self::Person, Self::Archiver];
}

/// What a move's compare-and-set compares; what does not hold any more makes the move void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// The status alone.
    Status,
    /// The status, the number of attempts and when the last was triggered: what is said of one attempt must not move the
    /// next.
    StatusAndAttempt,
    /// The status, and that there is a failure's reason: what a statement has set to `failed` is to be made anew, whatever
    /// an old job says.
    StatusAndReason,
}

/// A move that is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is there already.
    #[error("the run is `{0}` already")]
    Already(RunStatus),
    /// Nobody may.
    #[error("no run moves from `{from}` to `{to}`")]
    Never {
        /// How the run stands.
        from: RunStatus,
        /// Where it was to go.
        to: RunStatus,
    },
    /// Others may.
    #[error("the {by:?} may not move a run from `{from}` to `{to}`")]
    NotBy {
        /// How the run stands.
        from: RunStatus,
        /// Where it was to go.
        to: RunStatus,
        /// Who wanted it.
        by: Mover,
    },
}

/// Whether a run may be moved, and what the statement that moves it compares.
///
/// # Errors
/// The refusal, which says whether anybody may.
pub fn may_move(from: RunStatus, to: RunStatus, by: Mover) -> Result<Compare, Refusal> {
    if from == to {
        return Err(Refusal::Already(from));
    }
    let (movers, compare) = movers(from, to);
    match movers {
        [] => Err(Refusal::Never { from, to }),
        movers if movers.contains(&by) => Ok(compare),
        _ => Err(Refusal::NotBy { from, to, by }),
    }
}

/// Who learns that a job has ended well, however late.
const WITNESSES: &[Mover] = &[Mover::Reconciler, Mover::Webhook, Mover::Worker];
/// Who learns how an attempt has ended, and arms the next one.
const FOLLOWERS: &[Mover] = &[Mover::Poller, Mover::Reconciler, Mover::Webhook];

fn movers(from: RunStatus, to: RunStatus) -> (&'static [Mover], Compare) {
    use RunStatus::{Complete, Deleted, Due, Failed, Held, Late, Running, Triggered};
    const POLLER: &[Mover] = &[Mover::Poller];
    const PERSON: &[Mover] = &[Mover::Person];
    match (from, to) {
        (Due, Late) | (Late, Due) => (POLLER, Compare::Status),
        // What is released may be late by then, or too old.
        (Due | Late, Held) | (Held, Due | Late) => (POLLER, Compare::Status),
        // The intent, which a person's backfill writes through the poller too.
        (Due | Late, Triggered) => (POLLER, Compare::StatusAndAttempt),
        // Upstream never came, or the trigger refuses for good; a person's statement may set anything to failed.
        (Due | Late | Held, Failed) => (&[Mover::Poller, Mover::Person], Compare::Status),
        (Complete | Deleted, Failed) => (PERSON, Compare::Status),
        (Triggered | Running, Failed) => {
            (&[Mover::Poller, Mover::Reconciler, Mover::Webhook, Mover::Person], Compare::StatusAndAttempt)
        }
        (Triggered, Running) => (WITNESSES, Compare::StatusAndAttempt),
        (Triggered | Running, Due) => (FOLLOWERS, Compare::StatusAndAttempt),
        (Triggered | Running | Due | Late | Held, Complete) => (WITNESSES, Compare::Status),
        (Failed, Complete) => (WITNESSES, Compare::StatusAndReason),
        // Armed anew by `force_retry` or a backfill, and triggered with the same statement.
        (Failed, Triggered) => (PERSON, Compare::StatusAndAttempt),
        (Failed | Deleted, Due) => (PERSON, Compare::Status),
        // Upstream has published it again.
        (Complete, Due) => (POLLER, Compare::Status),
        (Complete | Failed, Deleted) => (&[Mover::Archiver], Compare::Status),
        _ => (&[], Compare::Status),
    }
}
