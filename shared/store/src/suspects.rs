//! Messages that came back: one of them may be killing its reader, and must not take the others along.

use std::collections::BTreeSet;

use domain::Timestamp;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::Error;
use crate::rows::column;
use crate::statements::Statement;

pub(crate) const STATEMENTS: &[&Statement] = &[&READ_NOTED, &NOTE, &CLEAR, &FORGET];

static READ_NOTED: Statement = Statement {
    name: "reading suspects",
    sql: "select message_id from watchkeeper.suspects where message_id = any($1)",
    types: &[Type::TEXT_ARRAY],
};
static NOTE: Statement = Statement {
    name: "noting a suspect",
    sql: "insert into watchkeeper.suspects (message_id, noted_at) values ($1, now()) on conflict do nothing",
    types: &[Type::TEXT],
};
static CLEAR: Statement = Statement {
    name: "clearing a suspect",
    sql: "delete from watchkeeper.suspects where message_id = $1",
    types: &[Type::TEXT],
};
static FORGET: Statement = Statement {
    name: "forgetting suspects",
    // No queue keeps a message longer than 14 days.
    sql: "delete from watchkeeper.suspects where noted_at < $1 - interval '14 days' returning message_id",
    types: &[Type::TIMESTAMPTZ],
};

/// Which of these messages were being read when a reader died.
///
/// # Errors
/// The statement's failure.
pub async fn list_noted(client: &Client, message_ids: &[&str]) -> Result<BTreeSet<String>, Error> {
    let rows = READ_NOTED.run(client, &[&message_ids]).await?;
    rows.iter().map(|row| column(row, "message_id")).collect()
}

/// Notes, by a commit of its own, that a message is about to be read.
///
/// # Errors
/// The statement's failure.
pub async fn note(client: &Client, message_id: &str) -> Result<(), Error> {
    NOTE.run(client, &[&message_id]).await.map(drop)
}

/// The message was read and recorded: it is innocent.
///
/// # Errors
/// The statement's failure.
pub async fn clear(client: &Client, message_id: &str) -> Result<(), Error> {
    CLEAR.run(client, &[&message_id]).await.map(drop)
}

/// Forgets messages that no queue can hold any more at `now`: they reached the dead-letter queue. How many.
///
/// # Errors
/// The statement's failure.
pub async fn forget(client: &Client, now: Timestamp) -> Result<usize, Error> {
    Ok(FORGET.run(client, &[&now]).await?.len())
}
