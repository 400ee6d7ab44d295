//! Sends what is due: leases it, tells the receivers, records what came of it; until nothing is due or time is short.

mod attempt;

use std::time::Duration;

use domain::Timestamp;
use domain::delivery::Next;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use runtime::Deadline;
use runtime::queue::Queue;
use runtime::raise::raise;
use store::deliveries::{self, Finished, Known, Lease, Others, Urgency};
use store::outbox::Outgoing;
use store::{Connection, Error};
use tokio::sync::Notify;

use crate::app::{Clock, patience};
use crate::look::Looked;
use crate::receivers::Receivers;
use attempt::{Attempt, attempt};

/// How many requests are under way at once: each has a receiver or a fingerprint of its own.
const AT_ONCE: i64 = 16;
/// How many of them may be for one receiver, so that one that hangs does not hold up the others.
const PER_RECEIVER: i64 = 8;
/// A lease outlives its invocation by this much, so that nobody else sends while we still might.
const LEASE_MARGIN: Duration = Duration::from_secs(5);
/// Below this nothing more is begun: an answer that comes after the end is an answer of unknown outcome.
const TIME_TO_SEND: Duration = Duration::from_secs(2);
/// The longest wait for a token of a receiver's bucket: what takes longer is the next tick's.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// The longest that all waits of a round take: by then the next tick is about to come.
const LONGEST_WAITS: Duration = Duration::from_secs(40);
/// The shortest wait, lest two that compete for one token ask in a circle.
const SHORTEST_WAIT: Duration = Duration::from_millis(50);

/// What a round waits for when a receiver takes no more for the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    /// Critical notices only: other messages are to be recorded meanwhile.
    Critical,
    /// Whatever is due: there is nothing else to do.
    Everything,
}

/// What came of a round of deliveries.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    /// Accepted by their receivers.
    pub(crate) sent: usize,
    /// To be tried again later.
    pub(crate) retrying: usize,
    /// Told to others instead, because their receivers did not take them in time.
    pub(crate) told_instead: usize,
    /// Given up, by receiver, with the reason.
    pub(crate) failed: Vec<(String, String)>,
    /// Time ran out with more to do.
    pub(crate) more: bool,
    /// That nothing was left to send, and why.
    pub(crate) looked: Option<Looked>,
}

/// Delivers everything that is due by `clock`, as fast as the receivers' rates allow.
///
/// # Errors
/// The store's: the connection must then be dropped. What was leased is leased again when the lease has ended.
pub(crate) async fn deliver(
    connection: &Connection,
    receivers: &Receivers,
    queue: &Queue,
    clock: Clock,
    deadline: &Deadline,
    waits_for: WaitsFor,
) -> Result<Delivered, Error> {
    deliver_saying_so(connection, receivers, queue, clock, deadline, waits_for, &Notify::new()).await
}

/// The same; `begun` hears when there is something to send or to wait for.
///
/// # Errors
/// As above.
pub(crate) async fn deliver_saying_so(
    connection: &Connection,
    receivers: &Receivers,
    queue: &Queue,
    clock: Clock,
    deadline: &Deadline,
    waits_for: WaitsFor,
    begun: &Notify,
) -> Result<Delivered, Error> {
    let mut delivered = Delivered::default();
    let mut waited = Duration::ZERO;
    let known = receivers.known();
    while deadline.for_work() >= TIME_TO_SEND {
        let until = clock.after(deadline.left() + LEASE_MARGIN);
        let (now, patience) = (clock.now(), patience(deadline));
        let client = &connection.client;
        let leases = deliveries::lease(client, now, until, AT_ONCE, PER_RECEIVER, &known, patience).await?;
        if !leases.is_empty() {
            begun.notify_one();
            delivered.send(leases, connection, receivers, queue, &known, clock, deadline).await?;
            continue;
        }
        let told_instead = deliveries::fall_back(client, now, &known, patience).await?;
        delivered.told_instead += told_instead;
        if told_instead > 0 {
            continue;
        }
        let urgency = match waits_for {
            WaitsFor::Critical => Urgency::Critical,
            WaitsFor::Everything => Urgency::Any,
        };
        let waiting = deliveries::waiting(client, now, &known, urgency, patience).await?;
        delivered.looked = Some(Looked { at: now, dry: waiting.dry });
        let Some(wait) = waiting.next_at.and_then(|at| wait_until(at, &clock)) else { return Ok(delivered) };
        waited += wait;
        if waited > LONGEST_WAITS {
            return Ok(delivered);
        }
        begun.notify_one();
        // Never beyond the end: the loop's condition looks again.
        tokio::time::sleep(wait.min(deadline.for_work())).await;
    }
    delivered.more = true;
    Ok(delivered)
}

fn wait_until(at: Timestamp, clock: &Clock) -> Option<Duration> {
    let wait = Duration::try_from(at.duration_since(clock.now())).unwrap_or_default();
    (wait <= LONGEST_WAIT).then(|| wait.max(SHORTEST_WAIT))
}

impl Delivered {
    /// Sends what is leased, all at once. Each is recorded as it is answered: a crash repeats no more than it must.
    #[expect(clippy::too_many_arguments, reason = "what a round works with")]
    async fn send(
        &mut self,
        leases: Vec<Lease>,
        connection: &Connection,
        receivers: &Receivers,
        queue: &Queue,
        known: &[Known],
        clock: Clock,
        deadline: &Deadline,
    ) -> Result<(), Error> {
        let mut tries: FuturesUnordered<_> =
            leases.into_iter().map(|lease| attempt(receivers, lease, clock, deadline)).collect();
        while let Some(attempt) = tries.next().await {
            let Attempt { lease, tried, finish } = &attempt;
            let patience = deadline.for_recording();
            let finished = deliveries::finish(&connection.client, lease, tried, finish, known, patience).await?;
            self.count(&attempt, finished);
            receivers.metrics().tried(lease, finish, tried.at);
            if let (Finished::Won, Some(signal)) = (finished, &finish.signal) {
                tell_of_failure(connection, queue, signal, tried.at).await;
            }
        }
        Ok(())
    }

    fn count(&mut self, Attempt { lease, tried, finish }: &Attempt, finished: Finished) {
        let error = tried.error.as_deref().unwrap_or("");
        let (delivery, receiver, outcome) = (lease.delivery_id, &lease.receiver, tried.outcome.as_str());
        let (notice, with_it) = (lease.notification.notice.as_str(), lease.folded.len());
        match finish.next {
            Next::Sent => {
                self.sent += 1 + with_it;
                tracing::info!(delivery.id = %delivery, receiver, notice, with_it, lease.repeat, "Told {receiver}");
            }
            Next::RetryAt(at) => {
                self.retrying += 1 + with_it;
                tracing::warn!(delivery.id = %delivery, receiver, notice, with_it, outcome, error, next_try = %at, "Could not tell {receiver}; trying again");
            }
            Next::Failed => {
                match finish.others {
                    Others::TriedAgain => self.retrying += with_it,
                    Others::GivenUp => {
                        self.failed.extend(lease.folded.iter().map(|_| (receiver.clone(), error.to_owned())));
                    }
                }
                self.failed.push((receiver.clone(), error.to_owned()));
                tracing::error!(delivery.id = %delivery, receiver, notice, with_it, outcome, error, "Gave up telling {receiver}");
            }
        }
        if finished == Finished::LostLease {
            tracing::warn!(delivery.id = %delivery, receiver, "The lease had ended before the try was recorded; it may be told twice");
        }
    }
}

/// Puts the signal about a delivery that was given up on the queue at once; the next tick does if this does not work.
async fn tell_of_failure(connection: &Connection, queue: &Queue, signal: &Outgoing, now: Timestamp) {
    let error = match raise(connection, queue, std::slice::from_ref(signal), now).await {
        Ok(raised) => raised.failed.into_iter().next().map(|(_, why)| why),
        Err(error) => Some(format!("{:#}", anyhow::Error::new(error))),
    };
    if let Some(error) = error {
        tracing::warn!(signal = signal.id, error, "A failed delivery is raised by the next tick");
    }
}
