//! Quarantines: who is barred, and the release of those who are.

use std::time::Duration;

use domain::Timestamp;
use domain::policy::Integration;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::Error;
use crate::rows::column;
use crate::statements::{Flush, Statement, say};

pub(crate) const STATEMENTS: &[&Statement] = &[&LIST_BARRED, &LOCK, &RELEASE];

static LIST_BARRED: Statement = Statement {
    name: "looking up barred workers",
    sql: "select worker_id, environment, barred_at, reason, alert_id
          from watchkeeper.quarantines
          where released_at is null and worker_id = any($1) and ($2::text is null or environment = $2)
          order by barred_at",
    types: &[Type::TEXT_ARRAY, Type::TEXT],
};
static LOCK: Statement = Statement {
    name: "locking the fingerprints of barred workers",
    // Whoever adds rows to an alert takes its lock, as decisions do: they number them. The same numbers as
    // `Fingerprint::lock_key`, in the same order as everywhere.
    sql: "select pg_advisory_xact_lock(slot)
          from (select distinct ('x' || substr(fingerprint, 15, 2))::bit(8)::integer::bigint as slot
                from watchkeeper.quarantines
                join watchkeeper.alerts using (alert_id)
                where released_at is null
                  and ($1::text is null or quarantines.worker_id = $1)
                  and ($2::text is null or quarantines.environment = $2)
                order by slot) as slots",
    types: &[Type::TEXT, Type::TEXT],
};
static RELEASE: Statement = Statement {
    name: "releasing workers",
    sql: include_str!("sql/release_workers.sql"),
    types: &[Type::TIMESTAMPTZ, Type::TEXT, Type::TEXT, Type::TEXT, Type::TEXT, Type::TEXT_ARRAY],
};

/// A worker that is barred, or was until now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barred {
    /// Who.
    pub worker_id: String,
    /// Where.
    pub environment: String,
    /// Since when.
    pub barred_at: Timestamp,
    /// The claim that barred it.
    pub reason: String,
    /// The alert about that claim.
    pub alert_id: Uuid,
}

/// Which workers to release, who says so, and why.
#[derive(Clone, Copy, Debug)]
pub struct Release<'a> {
    /// Which one; `None`: all.
    pub worker_id: Option<&'a str>,
    /// Where; `None`: everywhere.
    pub environment: Option<&'a str>,
    /// Who releases them.
    pub by: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// Those of these workers that are barred in an environment (`None`: anywhere), whoever was barred first first.
///
/// # Errors
/// The statement's failure.
pub async fn list_barred(client: &Client, ids: &[&str], environment: Option<&str>) -> Result<Vec<Barred>, Error> {
    LIST_BARRED.run(client, &[&ids, &environment]).await?.iter().map(barred).collect()
}

/// Releases workers at `now`, puts on record who says so and why, and writes the notices to those who were told of the
/// bar: all of it or nothing.
///
/// # Errors
/// A statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn release(
    client: &Client,
    asked: &Release<'_>,
    now: Timestamp,
    patience: Duration,
) -> Result<Vec<Barred>, Error> {
    let Release { worker_id, environment, by, reason } = asked;
    let keep_incidents: Vec<&str> =
        Integration::ALL.into_iter().filter(|kind| kind.keeps_incidents()).map(Integration::as_str).collect();
    let mut flush = Flush::new(patience);
    flush.add(say(client, "begin isolation level read committed"));
    flush.add(LOCK.run(client, &[worker_id, environment]));
    flush.add(RELEASE.run(client, &[&now, by, reason, worker_id, environment, &keep_incidents]));
    flush.add(say(client, "commit"));
    let [_, _, rows, _] = flush.answers(RELEASE.name).await?;
    rows.iter().map(barred).collect()
}

fn barred(row: &Row) -> Result<Barred, Error> {
    Ok(Barred {
        worker_id: column(row, "worker_id")?,
        environment: column(row, "environment")?,
        barred_at: column(row, "barred_at")?,
        reason: column(row, "reason")?,
        alert_id: column(row, "alert_id")?,
    })
}
