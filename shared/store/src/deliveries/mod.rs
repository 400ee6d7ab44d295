//! Deliveries on their way out: leased as their receiver's rate allows, tried, moved on by what came of the try, told to
//! others where it did not work, released where they were held.

mod fall_back;
mod finish;
mod lease;
mod release;

use domain::Timestamp;
use domain::policy::Integration;
use domain::rate::Rate;
use tokio_postgres::Client;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::Error;
use crate::rows::column;
use crate::statements::Statement;
pub use fall_back::fall_back;
pub use finish::{Finish, Finished, Others, Tried, finish};
pub use lease::{Lease, Urgency, Waiting, lease, waiting};
pub use release::{Released, hold, release};

pub(crate) const STATEMENTS: &[&Statement] = &[
    &READ_BACKLOG,
    &LOCK,
    &lease::KNOW,
    &lease::LEASE,
    &lease::READ_WAITING,
    &lease::READ_WAITING_CRITICAL,
    &lease::READ_DRY,
    &finish::FINISH,
    &fall_back::READ_OVERDUE,
    &fall_back::TELL_INSTEAD,
    &release::READ_OFF,
    &release::HOLD,
    &release::READ_HELD,
    &release::RELEASE,
];

static READ_BACKLOG: Statement = Statement {
    name: "reading the backlog of deliveries",
    // A try that failed moves due_at, so only creation and release say how long somebody has been waiting.
    sql: "select count(*) filter (where (status = 'pending' and due_at <= $1)
                                     or (status = 'sending' and lease_until < $1))                     as due,
                 coalesce(extract(epoch from $1 - min(coalesce(released_at, created_at))), 0)::float8  as oldest
          from watchkeeper.deliveries
          where status in ('pending', 'sending')",
    types: &[Type::TIMESTAMPTZ],
};
/// Whoever adds or releases rows of an alert takes its lock, as decisions do: they number and cancel them.
static LOCK: Statement = Statement {
    name: "locking the fingerprints of deliveries",
    // The same numbers as `Fingerprint::lock_key`, in the same order as everywhere.
    sql: "select pg_advisory_xact_lock(slot)
          from (select distinct case when fingerprint ~ '^[0-9a-f]{16}'
                                     then ('x' || substr(fingerprint, 15, 2))::bit(8)::integer::bigint
                                     else 0 end as slot
                from watchkeeper.deliveries
                where delivery_id = any($1)
                order by slot) as slots",
    types: &[Type::UUID_ARRAY],
};

/// A receiver of the watch file as it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub receiver: String,
    /// Its kind.
    pub integration: Integration,
    /// How much it takes.
    pub rate: Rate,
    /// Whether somebody switched it off.
    pub off: bool,
}

/// Names of those that are switched off.
fn off(known: &[Known]) -> Vec<&str> {
    known.iter().filter(|one| one.off).map(|one| one.receiver.as_str()).collect()
}

/// Receivers as two columns: names and kinds.
fn kinds(known: &[Known]) -> (Vec<&str>, Vec<&'static str>) {
    known.iter().map(|one| (one.receiver.as_str(), one.integration.as_str())).unzip()
}

/// How far behind telling people is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backlog {
    /// Deliveries that could be sent now.
    pub due: usize,
    /// For how many seconds the oldest that is neither sent nor given up has been waiting, since it was decided or, where
    /// it was held, released; 0 where there is none.
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

/// The ids in a column of rows.
fn ids(rows: &[tokio_postgres::Row]) -> Result<Vec<Uuid>, Error> {
    rows.iter().map(|row| column(row, "delivery_id")).collect()
}
