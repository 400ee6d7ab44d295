//! Sends what is due: leases it, tells the receivers, records what came of it; until nothing is due or time is short.

use std::time::{Duration, Instant};

use domain::delivery::{Next, Spread, after_try};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use runtime::Deadline;
use store::deliveries::{self, Finished, Lease, Tried};
use store::{Connection, Error};

use crate::app::{Clock, patience};
use crate::receivers::{Receivers, Told};

/// How many deliveries are under way at once: each has a receiver or a fingerprint of its own.
const AT_ONCE: i64 = 16;
/// How many of them may be for one receiver, so that one that hangs does not hold up the others.
const PER_RECEIVER: i64 = 8;
/// A lease outlives its invocation by this much, so that nobody else sends while we still might.
const LEASE_MARGIN: Duration = Duration::from_secs(5);
/// Below this nothing more is begun: an answer that comes after the end is an answer of unknown outcome.
const TIME_TO_SEND: Duration = Duration::from_secs(2);

/// What came of a round of deliveries.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    /// Accepted by their receivers.
    pub(crate) sent: usize,
    /// To be tried again later.
    pub(crate) retrying: usize,
    /// Given up, by receiver, with the reason.
    pub(crate) failed: Vec<(String, String)>,
    /// Time ran out with more to do.
    pub(crate) more: bool,
}

/// Delivers everything that is due by `clock`.
///
/// # Errors
/// The store's. What was leased is leased again when the lease has ended.
pub(crate) async fn deliver(
    connection: &Connection,
    receivers: &Receivers,
    clock: Clock,
    deadline: &Deadline,
) -> Result<Delivered, Error> {
    let mut delivered = Delivered::default();
    loop {
        if deadline.for_work() < TIME_TO_SEND {
            delivered.more = true;
            return Ok(delivered);
        }
        let until = clock.after(deadline.left() + LEASE_MARGIN);
        let (now, patience) = (clock.now(), patience(deadline));
        let leases = deliveries::lease(&connection.client, now, until, AT_ONCE, PER_RECEIVER, patience).await?;
        if leases.is_empty() {
            return Ok(delivered);
        }
        let mut tries: FuturesUnordered<_> =
            leases.into_iter().map(|lease| attempt(receivers, lease, clock, deadline)).collect();
        // Each is recorded as it is answered: a crash repeats no more than it must.
        while let Some((lease, tried, next)) = tries.next().await {
            let patience = deadline.for_recording();
            let finished = deliveries::finish(&connection.client, &lease, &tried, &next, patience).await?;
            delivered.count(&lease, &tried, next, finished);
        }
    }
}

/// One try, given up while there is time to record that no answer came.
async fn attempt(receivers: &Receivers, lease: Lease, clock: Clock, deadline: &Deadline) -> (Lease, Tried, Next) {
    failpoint::pass("about to send");
    let started = Instant::now();
    let telling = receivers.tell(&lease.receiver, &lease.notification, lease.repeat);
    let told = tokio::time::timeout(deadline.for_work(), telling).await.unwrap_or_else(|_| Told::cut_short());
    failpoint::pass("sent, not marked");
    let at = clock.now();
    let next = after_try(&told.outcome, lease.tries, lease.created_at, Spread::of(lease.delivery_id), at);
    let tried = Tried {
        at,
        outcome: told.outcome,
        http_status: told.http_status,
        provider_id: told.provider_id,
        latency: started.elapsed(),
        error: told.error,
    };
    (lease, tried, next)
}

impl Delivered {
    fn count(&mut self, lease: &Lease, tried: &Tried, next: Next, finished: Finished) {
        let error = tried.error.as_deref().unwrap_or("");
        let (delivery, receiver, outcome) = (lease.delivery_id, &lease.receiver, tried.outcome.as_str());
        let notice = lease.notification.notice.as_str();
        match next {
            Next::Sent => {
                self.sent += 1;
                tracing::info!(delivery.id = %delivery, receiver, notice, lease.repeat, "Told {receiver}");
            }
            Next::RetryAt(at) => {
                self.retrying += 1;
                tracing::warn!(delivery.id = %delivery, receiver, notice, outcome, error, next_try = %at, "Could not tell {receiver}; trying again");
            }
            Next::Failed => {
                self.failed.push((receiver.clone(), error.to_owned()));
                tracing::error!(delivery.id = %delivery, receiver, notice, outcome, error, "Gave up telling {receiver}");
            }
        }
        if finished == Finished::LostLease {
            tracing::warn!(delivery.id = %delivery, receiver, "The lease had ended before the try was recorded; it may be told twice");
        }
    }
}
