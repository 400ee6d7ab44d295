//! What goes wrong with the store, and what class of failure it is.

use tokio_postgres::error::SqlState;

/// What a caller can do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The store does not answer now; later it may.
    Unavailable,
    /// What a decision was made by has changed meanwhile: decide anew.
    Outdated,
    /// The store answers, but will never take these values.
    Refused,
    /// The schema is older than this release needs.
    OldSchema,
    /// Anything else: a defect of ours, or of the database.
    Failed,
}

/// A failure of the store. The cause follows as `source`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection string cannot be read. The text itself is a secret and not shown.
    #[error("the database URL is not a PostgreSQL connection string: {reason}")]
    BadUrl {
        /// What the parser says.
        reason: String,
    },
    /// The certificate authority for the database cannot be read.
    #[error("database/ca_pem is not a list of PEM certificates")]
    BadCertificate(#[from] tls::BadTls),
    /// No connection came about.
    #[error("failed to connect to Postgres at {host}")]
    Connect {
        /// Host and port, without user or password.
        host: String,
        /// Why.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A statement failed.
    #[error("failed at {statement}")]
    Statement {
        /// What was being done.
        statement: &'static str,
        /// Why.
        #[source]
        source: tokio_postgres::Error,
    },
    /// No answer in time.
    #[error("Postgres did not answer within {seconds} s at {statement}")]
    Timeout {
        /// What was being done.
        statement: &'static str,
        /// How long we waited.
        seconds: u64,
    },
    /// The schema is older than this release needs.
    #[error("the schema is at version {found}, this release needs {needed}: run the migrator of this release first")]
    OldSchema {
        /// What the database has.
        found: i32,
        /// What this release needs.
        needed: i32,
    },
    /// A migration that was applied has another text now.
    #[error(
        "migration V{version:04} was applied with another text: migrations are forward only, add a new one instead"
    )]
    ChangedMigration {
        /// Which one.
        version: i32,
    },
    /// A row holds a word that this release does not know.
    #[error("unexpected `{value}` in column {column}")]
    UnexpectedValue {
        /// Where.
        column: &'static str,
        /// What stands there.
        value: String,
    },
}

impl Error {
    /// What a caller can do about it.
    pub fn class(&self) -> Class {
        match self {
            Self::Connect { .. } | Self::Timeout { .. } => Class::Unavailable,
            Self::OldSchema { .. } => Class::OldSchema,
            Self::Statement { source, .. } => class_of(source),
            Self::BadUrl { .. }
            | Self::BadCertificate(_)
            | Self::ChangedMigration { .. }
            | Self::UnexpectedValue { .. } => Class::Failed,
        }
    }
}

/// What keeps a signal from being on record twice.
const ONE_PER_KEY: &str = "signals_idempotency_key_key";

/// SQLSTATE classes: <https://www.postgresql.org/docs/16/errcodes-appendix.html>.
fn class_of(error: &tokio_postgres::Error) -> Class {
    let Some(state) = error.code() else {
        // No answer from the server at all: the connection broke.
        return if error.is_closed() || std::error::Error::source(error).is_some() {
            Class::Unavailable
        } else {
            Class::Failed
        };
    };
    if *state == SqlState::UNDEFINED_TABLE || *state == SqlState::UNDEFINED_COLUMN {
        return Class::OldSchema;
    }
    // How `update_alerts.sql` and `join_leaders.sql` say so.
    if *state == SqlState::DIVISION_BY_ZERO {
        return Class::Outdated;
    }
    // How `insert_signals.sql` does: another sender has used the id meanwhile.
    let constraint = error.as_db_error().and_then(tokio_postgres::error::DbError::constraint);
    if *state == SqlState::UNIQUE_VIOLATION && constraint == Some(ONE_PER_KEY) {
        return Class::Outdated;
    }
    match state.code().get(..2) {
        // Data exception; constraint violated; program limit exceeded, as an index row that is too long.
        Some("22" | "23" | "54") => Class::Refused,
        // Connection, transaction rollback (deadlock), resources, operator intervention (also statement_timeout).
        Some("08" | "40" | "53" | "57") => Class::Unavailable,
        _ => Class::Failed,
    }
}
