//! Leases what is due: a few of each receiver, as much as its token bucket allows, a storm as one request.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{Notification, Severity, Timestamp};
use tokio_postgres::types::{Json, Type};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::{Known, off};
use crate::Error;
use crate::rows::column;
use crate::statements::{Flush, Statement};

pub(super) static KNOW: Statement = Statement {
    name: "knowing the receivers",
    // Its bucket is full: nothing was sent.
    sql: "insert into watchkeeper.receiver_states (receiver, full_at)
          select unnest($1::text[]), $2
          on conflict (receiver) do nothing",
    types: &[Type::TEXT_ARRAY, Type::TIMESTAMPTZ],
};
pub(super) static LEASE: Statement = Statement {
    name: "leasing deliveries",
    sql: include_str!("../sql/lease_deliveries.sql"),
    types: &[
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::INT8,
        Type::INT8,
        Type::TEXT_ARRAY,
        Type::FLOAT8_ARRAY,
        Type::FLOAT8_ARRAY,
        Type::BOOL_ARRAY,
        Type::TEXT_ARRAY,
    ],
};
pub(super) static READ_WAITING: Statement = Statement {
    name: "reading what waits for its receiver's rate",
    sql: include_str!("../sql/waiting_deliveries.sql"),
    types: &[Type::TIMESTAMPTZ, Type::TEXT_ARRAY, Type::FLOAT8_ARRAY, Type::FLOAT8_ARRAY],
};

pub(super) static READ_WAITING_CRITICAL: Statement = Statement {
    name: "reading what is critical and waits for its receiver's rate",
    sql: include_str!("../sql/waiting_critical.sql"),
    types: &[Type::TIMESTAMPTZ, Type::TEXT_ARRAY, Type::FLOAT8_ARRAY, Type::FLOAT8_ARRAY],
};
pub(super) static READ_DRY: Statement = Statement {
    name: "reading which receivers take nothing",
    // A bucket holds a token as soon as it lacks less than all but one.
    sql: "select receiver, at
          from (select given.receiver, greatest(
                    state.full_at - make_interval(secs => (given.burst - 1) * given.every), state.paused_until) as at
                from unnest($2::text[], $3::float8[], $4::float8[]) as given (receiver, every, burst)
                join watchkeeper.receiver_states as state using (receiver)) as free
          where at > $1",
    types: &[Type::TIMESTAMPTZ, Type::TEXT_ARRAY, Type::FLOAT8_ARRAY, Type::FLOAT8_ARRAY],
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
    /// Since when its receiver could have been told: when it was decided or, where it was held, released.
    pub waiting_since: Timestamp,
    /// An earlier try may have been accepted: nobody lived to record it, or no answer came.
    pub repeat: bool,
    /// In a storm: the deliveries that go out in the same request.
    pub folded: Vec<Uuid>,
    /// The worst of them, by severity and subject.
    pub named: Vec<(Severity, String)>,
    /// Whether others are told where its receiver does not take it.
    pub told_instead: bool,
}

impl Lease {
    fn from_row(row: &Row) -> Result<Self, Error> {
        let Json(notification): Json<Notification> = column(row, "notification")?;
        let severities: Vec<&str> = column(row, "severities")?;
        let subjects: Vec<String> = column(row, "subjects")?;
        let severities = severities.into_iter().map(|word| word.parse().unwrap_or(notification.severity));
        let named = severities.zip(subjects).collect();
        Ok(Self {
            delivery_id: column(row, "delivery_id")?,
            token: column(row, "lease_token")?,
            receiver: column(row, "receiver")?,
            notification,
            tries: u32::try_from(column::<i32>(row, "attempts")?).unwrap_or(1),
            waiting_since: column(row, "waiting_since")?,
            repeat: column(row, "repeat")?,
            folded: column(row, "ids")?,
            named,
            told_instead: column(row, "told_instead")?,
        })
    }

    /// All deliveries of the request.
    pub(super) fn ids(&self) -> Vec<Uuid> {
        [&[self.delivery_id], self.folded.as_slice()].concat()
    }
}

/// Rates as columns: names, seconds for a token, tokens of a full bucket, whether a storm may be one request.
struct Rates<'a> {
    receivers: Vec<&'a str>,
    every: Vec<f64>,
    burst: Vec<f64>,
    folds: Vec<bool>,
}

impl<'a> Rates<'a> {
    fn of(known: &'a [Known]) -> Self {
        Self {
            receivers: known.iter().map(|one| one.receiver.as_str()).collect(),
            every: known.iter().map(|one| 60.0 / f64::from(one.rate.per_minute.max(1))).collect(),
            burst: known.iter().map(|one| f64::from(one.rate.burst.max(1))).collect(),
            // A provider that keeps incidents by key has to hear of each.
            folds: known.iter().map(|one| !one.integration.keeps_incidents()).collect(),
        }
    }
}

/// Leases up to `limit` requests that are due at `now`, until `lease_until`: the worst first, at most `per_receiver` for
/// one receiver, and no more than the rates of `known` receivers allow, whoever else leases. One whose receiver is not
/// known any more is leased to be given up; one whose receiver is off or asked to be left alone stays.
///
/// # Errors
/// The statement's failure, or [`Error::Timeout`] after `patience`.
pub async fn lease(
    client: &Client,
    now: Timestamp,
    lease_until: Timestamp,
    limit: i64,
    per_receiver: i64,
    known: &[Known],
    patience: Duration,
) -> Result<Vec<Lease>, Error> {
    let (Rates { receivers, every, burst, folds }, off) = (Rates::of(known), off(known));
    let mut flush = Flush::new(patience);
    flush.add(KNOW.run(client, &[&receivers, &now]));
    flush
        .add(LEASE.run(client, &[&now, &lease_until, &limit, &per_receiver, &receivers, &every, &burst, &folds, &off]));
    let [_, rows] = flush.answers(LEASE.name).await?;
    rows.iter().map(Lease::from_row).collect()
}

/// Which deliveries are asked after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Those of critical notices.
    Critical,
    /// All.
    Any,
}

/// Until when deliveries that are due wait for the rates of their receivers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// When the next of those that were asked after can go out.
    pub next_at: Option<Timestamp>,
    /// Receivers that take nothing at all before then, whether or not anything waits for them.
    pub dry: BTreeMap<String, Timestamp>,
}

/// Until when what is due at `now` waits for the rates of `known` receivers.
///
/// # Errors
/// The statement's failure, or [`Error::Timeout`] after `patience`.
pub async fn waiting(
    client: &Client,
    now: Timestamp,
    known: &[Known],
    urgency: Urgency,
    patience: Duration,
) -> Result<Waiting, Error> {
    let on: Vec<Known> = known.iter().filter(|one| !one.off).cloned().collect();
    let Rates { receivers, every, burst, .. } = Rates::of(&on);
    let asked = match urgency {
        Urgency::Critical => &READ_WAITING_CRITICAL,
        Urgency::Any => &READ_WAITING,
    };
    let mut flush = Flush::new(patience);
    flush.add(asked.run(client, &[&now, &receivers, &every, &burst]));
    flush.add(READ_DRY.run(client, &[&now, &receivers, &every, &burst]));
    let [waiting, dry] = flush.answers(asked.name).await?;
    let next_at = waiting.first().map(|row| column(row, "next_at")).transpose()?.flatten();
    let dry = dry.iter().map(|row| Ok((column(row, "receiver")?, column(row, "at")?))).collect::<Result<_, Error>>()?;
    Ok(Waiting { next_at, dry })
}
