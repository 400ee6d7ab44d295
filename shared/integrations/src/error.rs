//! Why a receiver was not told, in the classes that decide what happens next.

use domain::delivery::Outcome;
use jiff::SignedDuration;
use outbound::Cause;

/// A failed try, by class.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotifyError {
    /// It did not work now and was certainly not taken: later it may be.
    #[error("{0}")]
    Transient(Cause),
    /// The receiver takes no more for the moment.
    #[error("{cause}")]
    RateLimited {
        /// What it said.
        cause: Cause,
        /// How long it asked us to wait, if it did.
        retry_after: Option<SignedDuration>,
    },
    /// It will never be taken as it is: somebody must change the configuration.
    #[error("{0}")]
    Permanent(Cause),
    /// The request went out and no answer came back: it may or may not have been taken.
    #[error("{0}")]
    Ambiguous(Cause),
}

impl NotifyError {
    /// The class as deliveries know it.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Transient(_) => Outcome::Transient,
            Self::RateLimited { retry_after, .. } => Outcome::RateLimited { retry_after: *retry_after },
            Self::Permanent(_) => Outcome::Permanent,
            Self::Ambiguous(_) => Outcome::Ambiguous,
        }
    }

    /// What happened, without secrets.
    pub fn cause(&self) -> &Cause {
        match self {
            Self::Transient(cause)
            | Self::RateLimited { cause, .. }
            | Self::Permanent(cause)
            | Self::Ambiguous(cause) => cause,
        }
    }
}
