//! How each policy fares: whether `archive-failed` is raised for it, and since when.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::retention::Fares;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::Error;
use crate::outbox::{self, Outgoing};
use crate::rows::column;
use crate::statements::{Statement, say};

pub(super) static READ: Statement = Statement {
    name: "reading how policies fare",
    sql: "select policy, failing_since, failure from watchkeeper.retention_states where kind = $1",
    types: &[Type::TEXT],
};
pub(super) static WRITE: Statement = Statement {
    name: "noting how a policy fares",
    sql: "insert into watchkeeper.retention_states as state (policy, kind, failing_since, failure, evaluated_at)
          values ($1, $5, $2, $3, $4)
          on conflict (policy, kind) do update
          set failing_since = excluded.failing_since,
              failure       = excluded.failure,
              evaluated_at  = excluded.evaluated_at
          where state.evaluated_at <= excluded.evaluated_at",
    types: &[Type::TEXT, Type::TIMESTAMPTZ, Type::TEXT, Type::TIMESTAMPTZ, Type::TEXT],
};

/// How each policy fared when it was last tried, by name; `kind` is that of the signal.
///
/// # Errors
/// The statement's failure.
pub async fn states(client: &Client, kind: &str) -> Result<BTreeMap<String, Fares>, Error> {
    let rows = READ.run(client, &[&kind]).await?;
    let read = |row: &Row| {
        let state = Fares { failing_since: column(row, "failing_since")?, failure: column(row, "failure")? };
        Ok((column(row, "policy")?, state))
    };
    rows.iter().map(read).collect()
}

/// Notes how a policy fares, with the signal that follows from it, in one transaction.
///
/// # Errors
/// A statement's failure.
pub async fn failing(
    client: &Client,
    (policy, kind): (&str, &str),
    state: &Fares,
    signals: &[Outgoing],
    now: Timestamp,
) -> Result<(), Error> {
    say(client, "begin").await?;
    let written = async {
        WRITE.run(client, &[&policy, &state.failing_since, &state.failure, &now, &kind]).await?;
        outbox::insert(client, signals).await
    }
    .await;
    match written {
        Ok(_) => say(client, "commit").await.map(drop),
        Err(error) => {
            // The first error tells more than that of a rollback on a connection that broke.
            let _ = say(client, "rollback").await;
            Err(error)
        }
    }
}
