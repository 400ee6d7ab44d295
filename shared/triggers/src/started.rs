//! How a start ended, in the classes that decide what happens next.

use jiff::SignedDuration;
use outbound::{Cause, NoAnswer};

/// How a start ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a start whose outcome is not recorded may be repeated"]
pub enum Started {
    /// The provider has taken the job.
    Accepted {
        /// What it calls the job, where it says so.
        external_id: Option<String>,
    },
    /// The provider takes no more for the moment, and has not taken this one.
    RateLimited {
        /// How long it asked us to wait, if it did.
        retry_after: Option<SignedDuration>,
        /// What it said.
        cause: Cause,
    },
    /// It did not work now and was certainly not taken: later it may be.
    Transient(Cause),
    /// It was not taken, and will not be until somebody changes something: the cause says what.
    Permanent(Cause),
    /// The request went out, and what became of it is not known: the job may or may not run. Nothing may be sent again
    /// before it is certain that it does not.
    Ambiguous(Cause),
}

impl Started {
    /// What happened, without secrets; nothing where the job was taken.
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Accepted { .. } => None,
            Self::RateLimited { cause, .. }
            | Self::Transient(cause)
            | Self::Permanent(cause)
            | Self::Ambiguous(cause) => Some(cause),
        }
    }

    /// The outcome of an answer that is no acceptance. A server that failed (5xx) may have taken the job before it did.
    pub(crate) fn refused(status: u16, retry_after: Option<SignedDuration>, cause: Cause) -> Self {
        match status {
            429 => Self::RateLimited { retry_after, cause },
            // The request was not dealt with and may be repeated (RFC 9110, RFC 8470).
            408 | 425 => Self::Transient(cause),
            300..500 => Self::Permanent(cause),
            _ => Self::Ambiguous(cause),
        }
    }
}

impl From<NoAnswer> for Started {
    fn from(none: NoAnswer) -> Self {
        match none {
            NoAnswer::Unsent(cause) => Self::Permanent(cause),
            NoAnswer::Unreachable(cause) => Self::Transient(cause),
            NoAnswer::Lost(cause) => Self::Ambiguous(cause),
        }
    }
}
