//! Alerts that an event opened: they have no source to end them, so their dedup window does.

use std::time::Duration;

use domain::{Fingerprint, Timestamp};
use jiff::SignedDuration;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::Error;
use crate::batch::LOCK;
use crate::rows::column;
use crate::statements::{Flush, Statement, say};

pub(crate) const STATEMENTS: &[&Statement] = &[&READ_EXPIRED, &EXPIRE];

static READ_EXPIRED: Statement = Statement {
    name: "reading expired event alerts",
    sql: "select fingerprint
          from watchkeeper.alerts
          where status = 'firing' and event_key is not null and opened_at + make_interval(secs => $2) <= $1",
    types: &[Type::TIMESTAMPTZ, Type::FLOAT8],
};
static EXPIRE: Statement = Statement {
    name: "closing expired event alerts",
    // The same rule as `domain::decide`, for alerts that no further signal reaches.
    sql: "update watchkeeper.alerts as alert
          set status       = 'resolved',
              resolved_at  = opened_at + make_interval(secs => $2),
              close_reason = 'expired'
          where fingerprint = any($3)
            and status = 'firing'
            and event_key is not null
            and opened_at + make_interval(secs => $2) <= $1
            and not exists (
                select from watchkeeper.alert_sources as source
                where source.fingerprint = alert.fingerprint and source.status = 'firing')
          returning alert_id",
    types: &[Type::TIMESTAMPTZ, Type::FLOAT8, Type::TEXT_ARRAY],
};

/// Closes, silently, the alerts opened by events whose `window` is over at `now`; how many there were. It takes the
/// locks of their fingerprints first, as every decision does: a signal may be raising one of them just now.
///
/// # Errors
/// A statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn expire(
    client: &Client,
    now: Timestamp,
    window: SignedDuration,
    patience: Duration,
) -> Result<usize, Error> {
    let seconds = window.as_secs_f64();
    let rows = READ_EXPIRED.run(client, &[&now, &seconds]).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let fingerprints: Vec<&str> = rows.iter().map(|row| column(row, "fingerprint")).collect::<Result<_, _>>()?;
    let mut locks: Vec<i64> =
        fingerprints.iter().map(|text| Fingerprint::from_stored((*text).to_owned()).lock_key()).collect();
    locks.sort_unstable();
    locks.dedup();
    let mut flush = Flush::new(patience);
    flush.add(say(client, "begin isolation level read committed"));
    flush.add(LOCK.run(client, &[&locks]));
    flush.add(EXPIRE.run(client, &[&now, &seconds, &fingerprints]));
    flush.add(say(client, "commit"));
    let [_, _, expired, _] = flush.answers(EXPIRE.name).await?;
    Ok(expired.len())
}
