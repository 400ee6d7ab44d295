//! Opens Watchkeeper's own database for an invocation, and reads the clock that decides.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use store::{Connection, migrations};

use crate::Fault;

/// Our own database, in its turn of an invocation.
pub struct Store {
    /// The connection.
    pub connection: Connection,
    /// Its clock, read as the invocation began.
    pub now: Timestamp,
}

/// Connects and reads the clock, within `limit`. `authority` is who signs for the server, as PEM, where that is none of the
/// public ones.
///
/// # Errors
/// Why it is not to be had.
pub async fn open(url: &SecretString, authority: Option<&SecretString>, limit: Duration) -> Result<Store, Fault> {
    let opening = async {
        let connection = Connection::open(url, authority.map(ExposeSecret::expose_secret)).await?;
        let now = migrations::require(&connection.client).await?;
        Ok(Store { connection, now })
    };
    let silent = || store::Error::Timeout { statement: "opening the record", seconds: limit.as_secs() };
    tokio::time::timeout(limit, opening).await.unwrap_or_else(|_| Err(silent())).map_err(Fault::from)
}
