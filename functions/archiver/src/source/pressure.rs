//! How the database fares while rows are deleted.

use domain::retention::Pressure;
use jiff::SignedDuration;
use store::Connection;

use super::Trouble;
use super::describe::{ask, get};

/// What its own views say; a role that may not see them sees nulls, which say nothing.
const LOOK: &str = "select
    (select extract(epoch from max(replay_lag))::float8 from pg_stat_replication) as lag,
    (select count(*) from pg_stat_activity
     where wait_event_type = 'Lock' and pg_backend_pid() = any(pg_blocking_pids(pid))) as waiting,
    (select extract(epoch from max(clock_timestamp() - xact_start))::float8 from pg_stat_activity
     where backend_type = 'client backend' and datname = current_database() and pid <> pg_backend_pid()) as oldest";

/// Looks, within the transaction that is open: who waits for it is waiting for us.
///
/// # Errors
/// The database's.
pub(crate) async fn pressure(connection: &Connection) -> Result<Pressure, Trouble> {
    let rows = ask(&connection.client, "looking how the database fares", LOOK, &[]).await?;
    let Some(row) = rows.first() else { return Ok(Pressure::default()) };
    let seconds = |value: Option<f64>| value.and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok());
    Ok(Pressure {
        replication_lag: seconds(get(row, "lag")?),
        waiting_for_us: u32::try_from(get::<i64>(row, "waiting")?).unwrap_or(u32::MAX),
        oldest_transaction: seconds(get(row, "oldest")?),
    })
}
