//! Why what is watched gave no answer.

use config::SecretError;
use runtime::Kind;

/// Why there is no answer. No secret shows in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// What sort it is.
    pub kind: FailureKind,
    /// What, where, what was expected, what to do.
    pub text: String,
    /// It took longer than it may.
    pub timed_out: bool,
}

/// What sort of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
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
    pub fn fault(self) -> Kind {
        match self {
            Self::Secret | Self::Credentials => Kind::BadConfig,
            Self::Unavailable => Kind::Unavailable,
            Self::Refused => Kind::Failed,
        }
    }

    /// Whether secrets that are read anew may help.
    pub fn doubts_secrets(self) -> bool {
        self != Self::Refused
    }
}

impl Failure {
    /// A failure of this sort.
    pub fn new(kind: FailureKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), timed_out: false }
    }

    /// What was asked refused the question, or answered something else.
    pub fn refused(text: impl Into<String>) -> Self {
        Self::new(FailureKind::Refused, text)
    }

    /// What was asked did not answer in time.
    pub fn late(kind: FailureKind, text: impl Into<String>) -> Self {
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

/// What goes wrong with a question to a database, by whom it concerns.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The question alone.
    #[error("{0}")]
    Question(Failure),
    /// The question, and the connection it was asked on.
    #[error("{0}")]
    Broken(Failure),
    /// The database: it lets nobody in.
    #[error("{0}")]
    Closed(Failure),
}
