//! The example pipeline and the product behind it: tables that somebody else fills, and what tests and the demo do to them.

use anyhow::Result;
use testkit::postgres::execute;

/// The database that holds the examples in `public`, and our record in schema `watchkeeper`.
pub const DATABASE: &str = "watchkeeper";

/// Creates the tables and fills them as if everything worked.
///
/// # Errors
/// When the database does not answer or holds them already.
pub fn seed(database_url: &str) -> Result<()> {
    execute(database_url, include_str!("../sql/pipeline.sql"))?;
    execute(database_url, include_str!("../sql/watchpoint.sql"))
}

/// The collector stops: the newest telemetry row is this many seconds old.
///
/// # Errors
/// When the database does not answer.
pub fn make_telemetry_stale(database_url: &str, seconds: u32) -> Result<()> {
    let statement = format!(
        "update lane_telemetry set ts = ts - (select max(ts) from lane_telemetry) + now() - interval '{seconds} seconds'"
    );
    execute(database_url, &statement)
}

/// The collector works again: one fresh row.
///
/// # Errors
/// When the database does not answer.
pub fn make_telemetry_fresh(database_url: &str) -> Result<()> {
    execute(database_url, "insert into lane_telemetry (ticker, ts) values ('ACME', now())")
}
