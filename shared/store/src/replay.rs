//! Recorded signals in the order of their receipt, a page at a time, and the silences of their time: what a replay reads.

use domain::silence::Silence;
use domain::{Fingerprint, Signal, SignalStatus, Timestamp};
use tokio_postgres::types::{Json, Type};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::Error;
use crate::rows::{column, word};
use crate::silences;
use crate::statements::Statement;

pub(crate) const STATEMENTS: &[&Statement] = &[&LIST_RECORDED, &LIST_SILENCES];

static LIST_RECORDED: Statement = Statement {
    name: "listing recorded signals",
    sql: "select signal_id, idempotency_key, received_at, occurred_at, source, sender, kind, subject, environment, status,
                 severity, fingerprint, labels, summary, body
          from watchkeeper.signals
          where received_at >= $1 and received_at < $2 and (received_at, signal_id) > ($1, $3)
          order by received_at, signal_id
          limit $4",
    types: &[Type::TIMESTAMPTZ, Type::TIMESTAMPTZ, Type::UUID, Type::INT8],
};
static LIST_SILENCES: Statement = Statement {
    name: "listing silences of a time",
    sql: "select silence_id, matchers, from_at, least(until_at, ended_at) as until_at, recurring, author, reason
          from watchkeeper.silences
          where from_at < $2 and least(until_at, ended_at) > greatest($1, from_at)
          order by from_at, silence_id",
    types: &[Type::TIMESTAMPTZ, Type::TIMESTAMPTZ],
};

/// A signal as it was recorded, and when it was received.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The signal.
    pub signal: Signal,
    /// When it was received, by the store's clock; signals of one batch share the instant.
    pub received_at: Timestamp,
}

/// Where a page ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The instant of its last signal.
    pub received_at: Timestamp,
    /// The id of its last signal.
    pub signal_id: Uuid,
}

/// Up to `limit` signals received after `after` and before `until`, in the order of receipt.
///
/// # Errors
/// The statement's failure.
pub async fn list_recorded(
    client: &Client,
    after: Place,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Recorded>, Error> {
    let rows = LIST_RECORDED.run(client, &[&after.received_at, &until, &after.signal_id, &limit]).await?;
    rows.iter().map(recorded).collect()
}

/// The silences that were in force at some time between two instants, each until it ended.
///
/// # Errors
/// The statement's failure.
pub async fn list_silences(client: &Client, since: Timestamp, until: Timestamp) -> Result<Vec<Silence>, Error> {
    Ok(silences::readable(&LIST_SILENCES.run(client, &[&since, &until]).await?))
}

fn recorded(row: &Row) -> Result<Recorded, Error> {
    let Json(labels) = column(row, "labels")?;
    let signal = Signal {
        id: column(row, "signal_id")?,
        idempotency_key: column(row, "idempotency_key")?,
        occurred_at: column(row, "occurred_at")?,
        source: column(row, "source")?,
        sender: column(row, "sender")?,
        kind: column(row, "kind")?,
        subject: column(row, "subject")?,
        environment: column(row, "environment")?,
        status: word(row, "status", SignalStatus::from_stored)?,
        severity: word(row, "severity", |text| text.parse().ok())?,
        fingerprint: Fingerprint::from_stored(column(row, "fingerprint")?),
        labels,
        summary: column(row, "summary")?,
        runbook: None,
        body: column(row, "body")?,
    };
    Ok(Recorded { signal, received_at: column(row, "received_at")? })
}
