//! Asks a web server for files, one by one: it lists nothing.

use std::time::Instant;

use domain::upstream::Object;
use outbound::{Head, Http};
use secrecy::SecretString;

/// Asks for each file in turn; what follows a missing one is not asked for, since the cycle cannot be complete.
///
/// # Errors
/// Why that is not known: anything but a file that is there, or is not.
pub(super) async fn ask(http: &Http, url: &str, keys: &[String], until: Instant) -> Result<Vec<Object>, String> {
    let mut objects = Vec::with_capacity(keys.len());
    for key in keys {
        let address = SecretString::from(format!("{url}{key}"));
        let asking = http.head("the mirror", &address);
        let left = until.saturating_duration_since(Instant::now());
        let head = tokio::time::timeout(left, asking).await.map_err(|_| "no answer in time".to_owned())?;
        let Head { status, length, last_modified, etag } = head.map_err(|none| none.into_cause().text)?;
        match status {
            200 => objects.push(Object { key: key.clone(), bytes: length.unwrap_or_default(), last_modified, etag }),
            404 | 410 => break,
            status => return Err(format!("it answered {status} for {key}")),
        }
    }
    Ok(objects)
}
