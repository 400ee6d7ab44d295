//! Asks a web server for files: it lists nothing.

use std::time::Duration;

use domain::upstream::Object;
use futures::{StreamExt, stream};
use outbound::{Head, Http, NoAnswer};
use secrecy::SecretString;

use super::listing::Unread;

/// So many files are asked for at once. GFS has 209, which one after another take longer than a poll may; a public server
/// bars who asks for all of them at once.
const AT_ONCE: usize = 16;
/// The longest that one answer may take, with a second try: another mirror may have the cycle.
const ANSWER: Duration = Duration::from_secs(6);

/// Asks for the first file, and for the others side by side where it is there: of a cycle that has not begun one file is
/// asked for. What follows a missing one is left out, since the cycle cannot be complete.
///
/// # Errors
/// Why that is not known: anything but a file that is there, or is not.
pub(super) async fn ask(http: &Http, url: &str, keys: &[String]) -> Result<Vec<Object>, Unread> {
    let Some((first, others)) = keys.split_first() else { return Ok(Vec::new()) };
    let Some(first) = ask_for(http, url, first).await? else { return Ok(Vec::new()) };
    let mut objects = vec![first];
    let mut answers = stream::iter(others).map(|key| ask_for(http, url, key)).buffered(AT_ONCE);
    while let Some(answer) = answers.next().await {
        let Some(object) = answer? else { break };
        objects.push(object);
    }
    Ok(objects)
}

/// A file; `None` where it is not there.
async fn ask_for(http: &Http, url: &str, key: &str) -> Result<Option<Object>, Unread> {
    let address = SecretString::from(format!("{url}{key}"));
    let head = tokio::time::timeout(ANSWER, head(http, &address)).await;
    let late = |_| Unread::Unreadable(format!("no answer within {} s for {key}", ANSWER.as_secs()));
    let head = head.map_err(late)?.map_err(|none| Unread::Unreadable(none.into_cause().text))?;
    let Head { status, length, last_modified, etag } = head;
    match status {
        200 => Ok(Some(Object { key: key.to_owned(), bytes: length.unwrap_or_default(), last_modified, etag })),
        404 | 410 => Ok(None),
        // Some servers say 403 of a file that is not there: that says nothing of other cycles.
        status @ (400 | 401 | 403) => Err(Unread::Refused(format!("it answered {status} for {key}"))),
        status => Err(Unread::Unreadable(format!("it answered {status} for {key}"))),
    }
}

/// Asks once more where the answer was lost: a server may close a connection as it is used again.
async fn head(http: &Http, address: &SecretString) -> Result<Head, NoAnswer> {
    match http.head("the mirror", address).await {
        Err(NoAnswer::Lost(_)) => http.head("the mirror", address).await,
        answered => answered,
    }
}
