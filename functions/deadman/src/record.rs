//! Decides on record: in one transaction what is remembered is read, what changes is written, and what tells of it. Then
//! the signals are sent.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Timestamp;
use domain::heartbeat::Reading;
use jiff::SignedDuration;
use runtime::opening::Store;
use runtime::queue::Queue;
use runtime::raise::raise as send;
use runtime::{Deadline, Fault, Summary};
use store::heartbeats::{self, Opening};
use store::leases::{self, Lease};
use store::outbox::Outgoing;

use crate::app::patience;
use crate::decide::{Decided, Rules};

/// The longest that sending what is on record, and marking it, may take.
const SENDING: Duration = Duration::from_secs(15);
/// How long pings are kept.
const PINGS_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What came of an evaluation on record.
pub(crate) enum Recorded {
    /// This.
    Done(Decided),
    /// Nothing: an evaluation of this instant, or of a later one, stands.
    Newer(Timestamp),
    /// Nothing: the lease has gone to somebody else meanwhile.
    Fenced,
}

/// Evaluates all heartbeats on record.
///
/// # Errors
/// The store's; nothing was changed then, or it is not known. The connection must be dropped.
pub(crate) async fn evaluate(
    store: &Store,
    rules: Rules<'_>,
    lease: Lease,
    readings: &BTreeMap<&str, Reading>,
    now: Timestamp,
    deadline: &Deadline,
) -> Result<Recorded, store::Error> {
    let client = &store.connection.client;
    let opening = Opening { lease: Some(lease), ..Opening::default() };
    let record = heartbeats::begin(client, opening, patience(deadline)).await?;
    let newer = record.done_for.filter(|done_for| *done_for >= now);
    if !record.ours || newer.is_some() {
        leases::give_up(client, lease).await?;
        return Ok(newer.map_or(Recorded::Fenced, Recorded::Newer));
    }
    let mut decided = rules.all(&record, readings, now);
    decided.changes.prune_before = now.saturating_sub(PINGS_KEPT).ok();
    decided.changes.done = Some((lease, now));
    heartbeats::apply(client, &decided.changes, patience(deadline)).await?;
    Ok(Recorded::Done(decided))
}

/// Sends signals that are on record. Whether the queue has them or not, the router's retry tick sends those that are not
/// marked. Answers whether all went out.
pub(crate) async fn send_signals(
    store: &Store,
    queue: &Queue,
    outgoing: &[Outgoing],
    deadline: &Deadline,
    summary: &mut Summary,
) -> bool {
    let sending = send(&store.connection, queue, outgoing, store.now);
    let unsent = match tokio::time::timeout(deadline.for_work().min(SENDING), sending).await {
        Ok(Ok(sent)) => {
            summary.did("raised", sent.sent);
            sent.failed
        }
        Ok(Err(error)) => vec![("outbox".to_owned(), Fault::from(error).message)],
        Err(_) => vec![("outbox".to_owned(), "what was sent could not be marked in time".to_owned())],
    };
    let complete = unsent.is_empty();
    for (id, why) in unsent {
        summary.failed(id, why);
    }
    complete
}
