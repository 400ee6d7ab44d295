//! How a run fails: in one of five ways, in words that name the field or the operation.

use lambda_runtime::Diagnostic;
use store::Class;

/// What sort of failure; the word is Lambda's `errorType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The payload is wrong: the caller has to change it.
    BadPayload,
    /// Environment, watch file or secrets are wrong: a deployment has to change them.
    BadConfig,
    /// The schema is older than this release: the migrator has to run.
    OldSchema,
    /// Something this run depends on does not answer; the next run may succeed.
    Unavailable,
    /// Anything else.
    Failed,
}

impl Kind {
    /// The word that callers see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadPayload => "BadPayload",
            Self::BadConfig => "BadConfig",
            Self::OldSchema => "OldSchema",
            Self::Unavailable => "Unavailable",
            Self::Failed => "Failed",
        }
    }
}

/// A failed run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What sort of failure.
    pub kind: Kind,
    /// What, where, what was expected, what to do.
    pub message: String,
}

impl Fault {
    /// A fault in words of our own.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The payload is wrong.
    pub fn bad_payload(message: impl Into<String>) -> Self {
        Self::new(Kind::BadPayload, message)
    }

    /// The deployment is wrong.
    pub fn bad_config(error: impl Into<anyhow::Error>) -> Self {
        Self::new(Kind::BadConfig, format!("{:#}", error.into()))
    }
}

impl From<store::Error> for Fault {
    fn from(error: store::Error) -> Self {
        let kind = match error.class() {
            Class::Unavailable | Class::Outdated => Kind::Unavailable,
            Class::OldSchema => Kind::OldSchema,
            Class::Refused | Class::Failed => Kind::Failed,
        };
        Self::new(kind, format!("{:#}", anyhow::Error::new(error)))
    }
}

impl From<anyhow::Error> for Fault {
    /// Keeps the class of a store's failure, however deep it lies under context.
    fn from(error: anyhow::Error) -> Self {
        let class = error.chain().find_map(|cause| cause.downcast_ref::<store::Error>()).map(store::Error::class);
        let kind = match class {
            Some(Class::Unavailable | Class::Outdated) => Kind::Unavailable,
            Some(Class::OldSchema) => Kind::OldSchema,
            Some(Class::Refused | Class::Failed) | None => Kind::Failed,
        };
        Self::new(kind, format!("{error:#}"))
    }
}

impl From<Fault> for Diagnostic {
    fn from(fault: Fault) -> Self {
        tracing::error!(error.kind = fault.kind.as_str(), error = %fault.message, "The run failed");
        Self { error_type: fault.kind.as_str().to_owned(), error_message: fault.message }
    }
}
