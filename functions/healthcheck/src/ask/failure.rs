//! Why a check, or its database, gave no answer.

use config::SecretError;
use runtime::Kind;

/// Why there is no answer. No secret shows in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    /// What, where, what was expected, what to do.
    pub(crate) text: String,
    /// It took longer than it may.
    pub(crate) timed_out: bool,
}

/// What sort of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// What the secret says is missing, or makes no sense.
    Secret,
    /// Our user, password or role was refused: the secret may have been changed since it was read.
    Credentials,
    /// What was asked does not answer.
    Unavailable,
    /// What was asked refused the question, or answered something else.
    Refused,
}

impl FailureKind {
    /// What sort of fault the run has when nothing but this happened.
    pub(crate) fn fault(self) -> Kind {
        match self {
            Self::Secret | Self::Credentials => Kind::BadConfig,
            Self::Unavailable => Kind::Unavailable,
            Self::Refused => Kind::Failed,
        }
    }

    /// Whether secrets that are read anew may help.
    pub(crate) fn doubts_secrets(self) -> bool {
        self != Self::Refused
    }
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), timed_out: false }
    }

    /// What was asked refused the question, or answered something else.
    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self::new(FailureKind::Refused, text)
    }

    /// What was asked did not answer in time.
    pub(crate) fn late(kind: FailureKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), timed_out: true }
    }
}

impl From<SecretError> for Failure {
    fn from(err: SecretError) -> Self {
        // SSM that does not answer says nothing about the secret.
        let kind = if err.is_unreadable() { FailureKind::Unavailable } else { FailureKind::Secret };
        Self::new(kind, err.to_string())
    }
}
