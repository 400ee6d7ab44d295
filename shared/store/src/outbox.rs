//! Signals of our own functions: written in the transaction of the change they tell of, sent after its commit.

use domain::Timestamp;
use domain::condition::Raised;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::Error;
use crate::rows::column;
use crate::statements::Statement;

pub(crate) const STATEMENTS: &[&Statement] = &[&INSERT, &READ_UNSENT, &MARK_SENT];

static INSERT: Statement = Statement {
    name: "writing to the outbox",
    sql: "insert into watchkeeper.signal_outbox (id, body)
          select id, body from unnest($1::text[], $2::text[]) as new (id, body)
          on conflict (id) do nothing",
    types: &[Type::TEXT_ARRAY, Type::TEXT_ARRAY],
};
static READ_UNSENT: Statement = Statement {
    name: "reading the outbox",
    sql: "select id, body
          from watchkeeper.signal_outbox
          where sent_at is null and created_at <= $1
          order by created_at, id
          limit $2",
    types: &[Type::TIMESTAMPTZ, Type::INT8],
};
static MARK_SENT: Statement = Statement {
    name: "marking the outbox sent",
    sql: "update watchkeeper.signal_outbox set sent_at = $2 where id = any($1) and sent_at is null",
    types: &[Type::TEXT_ARRAY, Type::TIMESTAMPTZ],
};

/// A signal to be put on the `alerts` queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Deterministic: sending twice is harmless.
    pub id: String,
    /// The native form, as JSON.
    pub body: String,
}

impl From<Raised> for Outgoing {
    fn from(Raised { id, body }: Raised) -> Self {
        Self { id, body }
    }
}

/// Writes signals, in the caller's transaction. One that is there already is left alone.
///
/// # Errors
/// The statement's failure.
pub async fn insert(client: &Client, signals: &[Outgoing]) -> Result<(), Error> {
    write(client, signals).await.map(drop)
}

/// The same, for a flush.
pub(crate) async fn write(client: &Client, signals: &[Outgoing]) -> Result<Vec<Row>, Error> {
    let (ids, bodies): (Vec<&str>, Vec<&str>) =
        signals.iter().map(|signal| (signal.id.as_str(), signal.body.as_str())).unzip();
    INSERT.run(client, &[&ids, &bodies]).await
}

/// Up to `limit` signals written before `before` and not marked sent, oldest first.
///
/// # Errors
/// The statement's failure.
pub async fn list_unsent(client: &Client, before: Timestamp, limit: i64) -> Result<Vec<Outgoing>, Error> {
    let rows = READ_UNSENT.run(client, &[&before, &limit]).await?;
    rows.iter().map(|row| Ok(Outgoing { id: column(row, "id")?, body: column(row, "body")? })).collect()
}

/// Marks signals as sent at `now`.
///
/// # Errors
/// The statement's failure; they are then sent again, which is harmless.
pub async fn mark_sent(client: &Client, ids: &[&str], now: Timestamp) -> Result<(), Error> {
    MARK_SENT.run(client, &[&ids, &now]).await.map(drop)
}
