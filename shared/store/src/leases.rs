//! Expiring rights to do a job. Each holder gets a higher token than the one before, and what it writes is written only
//! while that token is the highest: one that was cut off for a while and comes back writes nothing.

use std::time::Duration;

use domain::Timestamp;
use jiff::SignedDuration;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::Error;
use crate::rows::column;
use crate::statements::{Statement, say};

pub(crate) const STATEMENTS: &[&Statement] = &[&TAKE, &HOLD, &GIVE_BACK];

static TAKE: Statement = Statement {
    name: "taking a lease",
    sql: "with before as (select expires_at from watchkeeper.leases where name = $1)
          insert into watchkeeper.leases as lease (name, token, holder, expires_at)
          values ($1, 1, $2, now() + make_interval(secs => $3))
          on conflict (name) do update
          set token      = lease.token + 1,
              holder     = excluded.holder,
              expires_at = excluded.expires_at
          where lease.expires_at <= now()
          returning token, now() as taken_at, (select expires_at from before) as free_since",
    types: &[Type::TEXT, Type::TEXT, Type::FLOAT8],
};
/// Locks the row, so that nobody takes the lease before the transaction has ended.
pub(crate) static HOLD: Statement = Statement {
    name: "holding a lease",
    sql: "select token, done_for
          from watchkeeper.leases
          where name = $1
          for update",
    types: &[Type::TEXT],
};
pub(crate) static GIVE_BACK: Statement = Statement {
    name: "giving a lease back",
    sql: "update watchkeeper.leases
          set expires_at = now(),
              done_for   = greatest(done_for, $3)
          where name = $1 and token = $2",
    types: &[Type::TEXT, Type::INT8, Type::TIMESTAMPTZ],
};

/// A lease that is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub name: &'static str,
    /// Higher than that of any holder before.
    pub token: i64,
}

/// What came of taking one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The lease.
    pub lease: Lease,
    /// How long nobody had it: zero for a job that was never done.
    pub idle_for: SignedDuration,
}

/// Takes the lease of a job for a while; `None` where somebody else has it.
///
/// # Errors
/// The statement's failure.
pub async fn take(
    client: &Client,
    name: &'static str,
    holder: &str,
    for_a_while: Duration,
) -> Result<Option<Taken>, Error> {
    let seconds = for_a_while.as_secs_f64();
    let rows = TAKE.run(client, &[&name, &holder, &seconds]).await?;
    let taken = |row: &Row| {
        let taken_at: Timestamp = column(row, "taken_at")?;
        let free_since: Option<Timestamp> = column(row, "free_since")?;
        let idle_for = free_since.map_or(SignedDuration::ZERO, |since| taken_at.duration_since(since));
        Ok(Taken { lease: Lease { name, token: column(row, "token")? }, idle_for })
    };
    rows.first().map(taken).transpose()
}

/// Takes the lease of a job that is not known by name at compile time; answers its token, or `None` where somebody else has it.
///
/// # Errors
/// The statement's failure.
pub async fn take_named(
    client: &Client,
    name: &str,
    holder: &str,
    for_a_while: Duration,
) -> Result<Option<i64>, Error> {
    let seconds = for_a_while.as_secs_f64();
    let rows = TAKE.run(client, &[&name, &holder, &seconds]).await?;
    rows.first().map(|row| column(row, "token")).transpose()
}

/// Gives such a lease back, if it is still the holder's.
///
/// # Errors
/// The statement's failure.
pub async fn give_back_named(client: &Client, name: &str, token: i64) -> Result<(), Error> {
    let nothing: Option<Timestamp> = None;
    GIVE_BACK.run(client, &[&name, &token, &nothing]).await.map(drop)
}

/// Gives up the transaction that was begun, and gives the lease back if it is still ours.
///
/// # Errors
/// A statement's failure.
pub async fn give_up(client: &Client, lease: Lease) -> Result<(), Error> {
    say(client, "rollback").await?;
    let nothing: Option<Timestamp> = None;
    GIVE_BACK.run(client, &[&lease.name, &lease.token, &nothing]).await.map(drop)
}

/// How a lease stands, as its own transaction sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    /// Whether it is still ours.
    pub(crate) ours: bool,
    /// What the job was last done for.
    pub(crate) done_for: Option<Timestamp>,
}

pub(crate) fn held(lease: Lease, rows: &[Row]) -> Result<Held, Error> {
    let Some(row) = rows.first() else { return Ok(Held::default()) };
    let token: i64 = column(row, "token")?;
    Ok(Held { ours: token == lease.token, done_for: column(row, "done_for")? })
}
