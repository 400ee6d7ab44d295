//! Waits for what other processes do, and says what it waited for when that does not happen.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks until `look` finds something, for at most `patience`.
///
/// # Errors
/// When it does not, naming `what`; or when looking fails.
pub async fn eventually<T>(
    what: &str,
    patience: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("not seen within {} s: {what}", patience.as_secs());
        }
        sleep(PAUSE).await;
    }
}
