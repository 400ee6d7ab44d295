//! Deliveries on their way out: leased, tried, and moved on by what came of the try.

use std::time::Duration;

use domain::delivery::{DeliveryStatus, Next, Outcome};
use domain::{Notification, Timestamp};
use serde_json::Value;
use tokio_postgres::Client;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use crate::Error;
use crate::rows::column;
use crate::statements::{Flush, Statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&READ_BACKLOG, &LEASE, &FINISH];

static READ_BACKLOG: Statement = Statement {
    name: "reading the backlog of deliveries",
    // A try that failed moves due_at, so only created_at says how long somebody has been waiting.
    sql: "select count(*) filter (where (status = 'pending' and due_at <= $1)
                                     or (status = 'sending' and lease_until < $1)) as due,
                 coalesce(extract(epoch from $1 - min(created_at)), 0)::float8     as oldest
          from watchkeeper.deliveries
          where status in ('pending', 'sending')",
    types: &[Type::TIMESTAMPTZ],
};
static LEASE: Statement = Statement {
    name: "leasing deliveries",
    sql: include_str!("sql/lease_deliveries.sql"),
    types: &[Type::TIMESTAMPTZ, Type::TIMESTAMPTZ, Type::INT8, Type::INT8],
};
static FINISH: Statement = Statement {
    name: "finishing a delivery",
    sql: include_str!("sql/finish_delivery.sql"),
    types: &[
        Type::UUID,
        Type::UUID,
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::INT4,
        Type::TEXT,
        Type::INT4,
        Type::TEXT,
        Type::TEXT,
        Type::TIMESTAMPTZ,
        Type::JSONB,
    ],
};

/// A delivery that we, and nobody else, may send until the lease ends.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Which delivery.
    pub delivery_id: Uuid,
    /// Proves that the lease is ours.
    pub token: Uuid,
    /// Whom to tell.
    pub receiver: String,
    /// What to tell.
    pub notification: Notification,
    /// The how manieth try this is, from 1.
    pub tries: u32,
    /// When the delivery was decided.
    pub created_at: Timestamp,
    /// An earlier try may have been accepted: nobody lived to record it, or no answer came.
    pub repeat: bool,
}

/// What came of one try, for the record.
#[derive(Clone, Debug)]
pub struct Tried {
    /// When, by the clock that decides.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
    /// The receiver's HTTP status, where one came.
    pub http_status: Option<u16>,
    /// The receiver's own id of what it took.
    pub provider_id: Option<String>,
    /// From the request to its answer.
    pub latency: Duration,
    /// What went wrong, without secrets.
    pub error: Option<String>,
}

/// Whether a change of state was ours to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The delivery moved on.
    Won,
    /// The lease had ended and another has it; the try is on record all the same.
    LostLease,
}

/// How far behind telling people is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backlog {
    /// Deliveries that could be sent now.
    pub due: usize,
    /// For how many seconds the oldest that is neither sent nor given up has been there; 0 where there is none.
    pub oldest: f64,
}

/// How far behind telling people is at `now`.
///
/// # Errors
/// The statement's failure.
pub async fn backlog(client: &Client, now: Timestamp) -> Result<Backlog, Error> {
    let rows = READ_BACKLOG.run(client, &[&now]).await?;
    let Some(row) = rows.first() else { return Ok(Backlog { due: 0, oldest: 0.0 }) };
    let due: i64 = column(row, "due")?;
    let oldest: f64 = column(row, "oldest")?;
    Ok(Backlog { due: usize::try_from(due).unwrap_or(0), oldest: oldest.max(0.0) })
}

/// Leases up to `limit` deliveries that are due at `now`, until `lease_until`: the worst first, and at most
/// `per_receiver` of one receiver.
///
/// # Errors
/// The statement's failure, or [`Error::Timeout`] after `patience`.
pub async fn lease(
    client: &Client,
    now: Timestamp,
    lease_until: Timestamp,
    limit: i64,
    per_receiver: i64,
    patience: Duration,
) -> Result<Vec<Lease>, Error> {
    let mut flush = Flush::new(patience);
    flush.add(LEASE.run(client, &[&now, &lease_until, &limit, &per_receiver]));
    let [rows] = flush.answers(LEASE.name).await?;
    rows.iter()
        .map(|row| {
            let Json(notification): Json<Notification> = column(row, "notification")?;
            Ok(Lease {
                delivery_id: column(row, "delivery_id")?,
                token: column(row, "lease_token")?,
                receiver: column(row, "receiver")?,
                notification,
                tries: u32::try_from(column::<i32>(row, "attempts")?).unwrap_or(1),
                created_at: column(row, "created_at")?,
                repeat: column(row, "repeat")?,
            })
        })
        .collect()
}

/// Records one try of a leased delivery and moves it on.
///
/// # Errors
/// The statement's failure, or [`Error::Timeout`] after `patience`. What was not recorded is tried again when its lease
/// has ended.
pub async fn finish(
    client: &Client,
    lease: &Lease,
    tried: &Tried,
    next: &Next,
    patience: Duration,
) -> Result<Finished, Error> {
    let row = FinishRow::of(lease, tried, next);
    let mut flush = Flush::new(patience);
    flush.add(FINISH.run(
        client,
        &[
            &row.delivery_id,
            &row.token,
            &row.at,
            &row.outcome,
            &row.http_status,
            &row.provider_id,
            &row.latency_ms,
            &row.error,
            &row.status,
            &row.due_at,
            &row.receipt,
        ],
    ));
    let [rows] = flush.answers(FINISH.name).await?;
    let won = rows.first().map(|row| column::<i64>(row, "won")).transpose()?;
    Ok(if won == Some(1) { Finished::Won } else { Finished::LostLease })
}

struct FinishRow<'a> {
    delivery_id: Uuid,
    token: Uuid,
    at: Timestamp,
    outcome: &'static str,
    http_status: Option<i32>,
    provider_id: Option<&'a str>,
    latency_ms: i32,
    error: Option<&'a str>,
    status: &'static str,
    due_at: Option<Timestamp>,
    receipt: Option<Json<Value>>,
}

impl<'a> FinishRow<'a> {
    fn of(lease: &Lease, tried: &'a Tried, next: &Next) -> Self {
        let (status, due_at) = match next {
            Next::Sent => (DeliveryStatus::Sent, None),
            Next::RetryAt(at) => (DeliveryStatus::Pending, Some(*at)),
            Next::Failed => (DeliveryStatus::Failed, None),
        };
        Self {
            delivery_id: lease.delivery_id,
            token: lease.token,
            at: tried.at,
            outcome: tried.outcome.as_str(),
            http_status: tried.http_status.map(i32::from),
            provider_id: tried.provider_id.as_deref(),
            latency_ms: i32::try_from(tried.latency.as_millis()).unwrap_or(i32::MAX),
            error: tried.error.as_deref(),
            status: status.as_str(),
            due_at,
            receipt: tried.provider_id.as_deref().map(|id| Json(serde_json::json!({ "provider_id": id }))),
        }
    }
}
