//! Holds deliveries whose receiver was switched off meanwhile, and releases what was held: its hours are there, or its
//! receiver is on again.

use std::time::Duration;

use domain::Timestamp;
use domain::delivery::DeliveryStatus;
use domain::policy::Integration;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::{Known, LOCK, ids, off};
use crate::Error;
use crate::rows::word;
use crate::statements::{Flush, Statement, say};

pub(super) static READ_OFF: Statement = Statement {
    name: "reading deliveries whose receiver is off",
    // A critical one stays due: its fallback is told, and where there is none, that somebody waits must show.
    sql: "select delivery_id
          from watchkeeper.deliveries
          where status = 'pending' and receiver = any($1) and urgency > 1
          order by position
          limit $2",
    types: &[Type::TEXT_ARRAY, Type::INT8],
};
pub(super) static HOLD: Statement = Statement {
    name: "holding deliveries",
    sql: "update watchkeeper.deliveries
          set status = 'held', held_because = 'switched-off', held_until = null
          where delivery_id = any($1) and status = 'pending'
          returning delivery_id",
    types: &[Type::UUID_ARRAY],
};
pub(super) static READ_HELD: Statement = Statement {
    name: "reading deliveries that need not be held",
    sql: "select delivery_id
          from watchkeeper.deliveries
          where status = 'held'
            and ((held_because = 'switched-off' and receiver <> all($2)) or held_until <= $1)
          order by position
          limit $3",
    types: &[Type::TIMESTAMPTZ, Type::TEXT_ARRAY, Type::INT8],
};
pub(super) static RELEASE: Statement = Statement {
    name: "releasing deliveries",
    sql: include_str!("../sql/release_deliveries.sql"),
    types: &[Type::UUID_ARRAY, Type::TIMESTAMPTZ, Type::TEXT_ARRAY, Type::TEXT_ARRAY],
};

/// How many deliveries are released in one transaction; the next tick comes in a minute.
const AT_ONCE: i64 = 2_000;

/// Holds what is to be sent to receivers that were switched off since it was decided; how many deliveries.
///
/// # Errors
/// A statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn hold(client: &Client, known: &[Known], patience: Duration) -> Result<usize, Error> {
    let off = off(known);
    if off.is_empty() {
        return Ok(0);
    }
    let mut reading = Flush::new(patience);
    reading.add(READ_OFF.run(client, &[&off, &AT_ONCE]));
    let [rows] = reading.answers(READ_OFF.name).await?;
    let waiting = ids(&rows)?;
    if waiting.is_empty() {
        return Ok(0);
    }
    let mut flush = Flush::new(patience);
    flush.add(say(client, "begin isolation level read committed"));
    flush.add(LOCK.run(client, &[&waiting]));
    flush.add(HOLD.run(client, &[&waiting]));
    flush.add(say(client, "commit"));
    let [_, _, held, _] = flush.answers(HOLD.name).await?;
    Ok(held.len())
}

/// What became of deliveries that were held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// To be sent now.
    pub pending: usize,
    /// No longer worth telling: their alert ended meanwhile, or began again.
    pub cancelled: usize,
}

/// Releases what need not be held at `now`, given which of the `known` receivers are off.
///
/// # Errors
/// A statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn release(client: &Client, now: Timestamp, known: &[Known], patience: Duration) -> Result<Released, Error> {
    let off = off(known);
    let mut reading = Flush::new(patience);
    reading.add(READ_HELD.run(client, &[&now, &off, &AT_ONCE]));
    let [rows] = reading.answers(READ_HELD.name).await?;
    let held = ids(&rows)?;
    if held.is_empty() {
        return Ok(Released::default());
    }
    let keep_incidents: Vec<&str> =
        Integration::ALL.into_iter().filter(|kind| kind.keeps_incidents()).map(Integration::as_str).collect();
    let mut flush = Flush::new(patience);
    flush.add(say(client, "begin isolation level read committed"));
    flush.add(LOCK.run(client, &[&held]));
    flush.add(RELEASE.run(client, &[&held, &now, &off, &keep_incidents]));
    flush.add(say(client, "commit"));
    let [_, _, rows, _] = flush.answers(RELEASE.name).await?;
    let mut released = Released::default();
    for row in &rows {
        match word(row, "status", DeliveryStatus::from_stored)? {
            DeliveryStatus::Cancelled => released.cancelled += 1,
            _ => released.pending += 1,
        }
    }
    Ok(released)
}
