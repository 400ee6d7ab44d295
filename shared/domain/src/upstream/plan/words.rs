//! Why nothing is done about a cycle, in words for the summary.

use std::fmt;

use jiff::Timestamp;

/// Why nothing is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is complete.
    Complete,
    /// What its run made was deleted.
    Deleted,
    /// Nothing may be triggered.
    Held(String),
    /// Its run is under way.
    InFlight {
        /// Which attempt.
        attempt: u32,
        /// Of how many.
        of: u32,
        /// Since when.
        since: Option<Timestamp>,
    },
    /// Upstream has not published it.
    Waiting(String),
    /// Upstream has not published it, nor had it when its source was first looked at.
    FromBefore(String),
    /// Upstream should have published it.
    Late(String),
    /// The next attempt comes later.
    Retry {
        /// When.
        at: Timestamp,
        /// What went wrong with the last one.
        why: Option<String>,
    },
    /// It has failed, and `force_retry` is not asked for.
    Failed(String),
    /// It was never triggered and will not be by itself.
    GivenUp(String),
    /// It is marked as failed without a reason, and no backfill is asked for.
    Reset,
}

/// Why the next call has to go on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// The payload's `limit` is reached.
    Limit,
    /// As many runs are under way as may be.
    Concurrency(u32),
    /// There was no time to look at it.
    Unseen,
    /// Upstream has all of it, and may still be writing.
    Settling,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("complete"),
            Self::Deleted => f.write_str("its output was deleted"),
            Self::Held(why) => write!(f, "held: {why}"),
            Self::InFlight { attempt, of, since } => {
                write!(f, "in flight: attempt {attempt} of {of}")?;
                since.map_or(Ok(()), |since| write!(f, " since {}", clock(since)))
            }
            Self::Waiting(why) => write!(f, "waiting for upstream: {why}"),
            Self::FromBefore(why) => {
                write!(f, "waiting for upstream, which did not have it when its source was first looked at: {why}")
            }
            Self::Late(why) => write!(f, "upstream is late: {why}"),
            Self::Retry { at, why } => {
                write!(f, "tried again at {}", clock(*at))?;
                why.as_ref().map_or(Ok(()), |why| write!(f, ", because {why}"))
            }
            Self::Failed(why) => write!(f, "failed: {why}; `force_retry` tries it again"),
            Self::GivenUp(why) => write!(f, "given up: {why}; `force_retry` with `backfill_hours` looks at it again"),
            Self::Reset => f.write_str("marked as failed; `backfill_hours` tries it again"),
        }
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit => f.write_str("over this call's `limit`"),
            Self::Concurrency(most) => write!(f, "{most} runs of the source are under way, as many as may be"),
            Self::Settling => f.write_str("upstream may still be writing it"),
            Self::Unseen => f.write_str("no time to look at it in this call"),
        }
    }
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%MZ of %-d %b").to_string()
}
