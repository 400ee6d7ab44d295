//! Records one try and moves its delivery on; where it failed for good, the same transaction tells others.

use std::time::Duration;

use domain::Timestamp;
use domain::delivery::{DeliveryStatus, Next, Outcome};
use tokio_postgres::types::{Json, Type};
use tokio_postgres::{Client, Row};

use super::{Known, LOCK, Lease, fall_back};
use crate::Error;
use crate::outbox::Outgoing;
use crate::rows::column;
use crate::statements::{Flush, Statement, say};

pub(super) static FINISH: Statement = Statement {
    name: "finishing a delivery",
    sql: include_str!("../sql/finish_delivery.sql"),
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
        Type::UUID_ARRAY,
        Type::TEXT,
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
    ],
};

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

/// What a try makes of its delivery, of others and of its receiver.
#[derive(Clone, Debug)]
pub struct Finish {
    /// What becomes of the delivery.
    pub next: Next,
    /// What becomes of those that went out in the same request, where it was not accepted.
    pub others: Others,
    /// Until when the receiver asked to be left alone.
    pub paused_until: Option<Timestamp>,
    /// Why the receiver refuses whatever it is told, if it does.
    pub unhealthy: Option<String>,
    /// What tells others that the delivery was given up.
    pub signal: Option<Outgoing>,
}

/// What becomes of deliveries that went out in a request that was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// It was not about them: they are tried again, without the one that led.
    TriedAgain,
    /// They are given up as well.
    GivenUp,
}

/// Whether a change of state was ours to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The delivery moved on.
    Won,
    /// The lease had ended and another has it; the try is on record all the same.
    LostLease,
}

/// Records one try of a leased delivery and moves it on; tells `known` receivers instead where that is due.
///
/// # Errors
/// The statement's failure, or [`Error::Timeout`] after `patience`: the connection may then hold an open transaction and
/// must be dropped. What was not recorded is tried again when its lease has ended.
pub async fn finish(
    client: &Client,
    lease: &Lease,
    tried: &Tried,
    finish: &Finish,
    known: &[Known],
    patience: Duration,
) -> Result<Finished, Error> {
    let (status, due_at) = match finish.next {
        Next::Sent => (DeliveryStatus::Sent, None),
        Next::RetryAt(at) => (DeliveryStatus::Pending, Some(at)),
        Next::Failed => (DeliveryStatus::Failed, Some(tried.at)),
    };
    let others = match (finish.next, finish.others) {
        (Next::Failed, Others::TriedAgain) => DeliveryStatus::Pending,
        _ => status,
    };
    let (status, others) = (status.as_str(), others.as_str());
    let outcome = tried.outcome.as_str();
    let http_status = tried.http_status.map(i32::from);
    let latency = i32::try_from(tried.latency.as_millis()).unwrap_or(i32::MAX);
    let receipt = tried.provider_id.as_deref().map(|id| Json(serde_json::json!({ "provider_id": id })));
    let signal = finish.signal.as_ref();
    let (signal_id, signal_body) = (signal.map(|one| one.id.as_str()), signal.map(|one| one.body.as_str()));
    let finishing = FINISH.run(
        client,
        &[
            &lease.delivery_id,
            &lease.token,
            &tried.at,
            &outcome,
            &http_status,
            &tried.provider_id,
            &latency,
            &tried.error,
            &status,
            &due_at,
            &receipt,
            &lease.folded,
            &others,
            &finish.paused_until,
            &finish.unhealthy,
            &signal_id,
            &signal_body,
        ],
    );
    let ids = lease.ids();
    let mut flush = Flush::new(patience);
    if finish.next == Next::Sent || !lease.told_instead {
        flush.add(finishing);
        let [rows] = flush.answers(FINISH.name).await?;
        return won(&rows);
    }
    flush.add(say(client, "begin isolation level read committed"));
    flush.add(LOCK.run(client, &[&ids]));
    flush.add(finishing);
    flush.add(fall_back::tell_instead(client, &ids, tried.at, known, false));
    flush.add(say(client, "commit"));
    let [_, _, rows, _, _] = flush.answers(FINISH.name).await?;
    won(&rows)
}

fn won(rows: &[Row]) -> Result<Finished, Error> {
    let won = rows.first().map(|row| column::<i64>(row, "won")).transpose()?;
    Ok(if won == Some(1) { Finished::Won } else { Finished::LostLease })
}
