//! Alerts that an event opened: they have no source to end them, so their dedup window does.

use domain::Timestamp;
use jiff::SignedDuration;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::Error;
use crate::statements::Statement;

pub(crate) const STATEMENTS: &[&Statement] = &[&EXPIRE];

static EXPIRE: Statement = Statement {
    name: "closing expired event alerts",
    // The same rule as `domain::decide`, for alerts that no further signal reaches.
    sql: "update watchkeeper.alerts as alert
          set status       = 'resolved',
              resolved_at  = opened_at + make_interval(secs => $2),
              close_reason = 'expired'
          where status = 'firing'
            and event_key is not null
            and opened_at + make_interval(secs => $2) <= $1
            and not exists (
                select from watchkeeper.alert_sources as source
                where source.fingerprint = alert.fingerprint and source.status = 'firing')
          returning alert_id",
    types: &[Type::TIMESTAMPTZ, Type::FLOAT8],
};

/// Closes, silently, the alerts opened by events whose `window` is over at `now`; how many there were.
///
/// # Errors
/// The statement's failure.
pub async fn expire(client: &Client, now: Timestamp, window: SignedDuration) -> Result<usize, Error> {
    Ok(EXPIRE.run(client, &[&now, &window.as_secs_f64()]).await?.len())
}
