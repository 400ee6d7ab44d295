//! Raises signals: puts on the `alerts` queue what stands in the outbox, and marks it.

use jiff::Timestamp;
use store::Connection;
use store::outbox::{self, Outgoing};

use crate::queue::Queue;

/// What became of signals that were to be raised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raised {
    /// How many the queue took.
    pub sent: usize,
    /// Which it did not take, and why; the next retry tick sends them again.
    pub failed: Vec<(String, String)>,
}

/// Sends signals that are committed to the outbox and marks those that the queue took. A crash in between sends them
/// twice, which is harmless: their ids are deterministic.
///
/// # Errors
/// When what was sent could not be marked.
pub async fn raise(
    connection: &Connection,
    queue: &Queue,
    signals: &[Outgoing],
    now: Timestamp,
) -> Result<Raised, store::Error> {
    if signals.is_empty() {
        return Ok(Raised::default());
    }
    let bodies: Vec<&str> = signals.iter().map(|signal| signal.body.as_str()).collect();
    let failed = queue.send(&bodies).await;
    let refused = |n: usize| failed.iter().any(|(index, _)| *index == n);
    let sent: Vec<&str> =
        signals.iter().enumerate().filter(|(n, _)| !refused(*n)).map(|(_, signal)| signal.id.as_str()).collect();
    outbox::mark_sent(&connection.client, &sent, now).await?;
    let failed = failed.into_iter().filter_map(|(n, why)| Some((signals.get(n)?.id.clone(), why))).collect();
    Ok(Raised { sent: sent.len(), failed })
}
