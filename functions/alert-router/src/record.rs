//! Records messages and what follows from them, in one transaction.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use domain::decide::{Decision, decide};
use domain::{Policy, Signal, ingest};
use store::{Connection, Error, batch};
use uuid::Uuid;

use crate::app::Clock;
use crate::payload::Received;

/// What transactions made of some messages.
pub(crate) struct Recorded {
    /// The store's clock, read when the transaction began.
    pub(crate) clock: Clock,
    /// What was decided about signals that were new.
    pub(crate) decisions: Vec<Decision>,
}

/// Reads a message. A panic costs this message alone: it stays on the queue until the dead-letter queue takes it.
pub(crate) fn read(received: &Received, policy: &Policy) -> Result<Vec<Signal>, String> {
    catch_unwind(AssertUnwindSafe(|| {
        failpoint::reading(&received.message.body);
        ingest::parse(&received.message, policy, &mut Uuid::now_v7)
    }))
    .map_err(|_| "reading it panicked".to_owned())
}

/// Records signals, decides what they mean and commits both.
///
/// A signal whose key another one has that says something else was given an id twice by its sender. Losing it would be
/// worse than a key of our own: it is recorded under one.
///
/// # Errors
/// The store's. The connection must then be dropped: it may hold an open transaction.
pub(crate) async fn record(
    connection: &Connection,
    signals: &[Signal],
    policy: &Policy,
    patience: Duration,
) -> Result<Recorded, Error> {
    let (mut recorded, colliding) = transact(connection, signals, policy, patience).await?;
    if !colliding.is_empty() {
        let rekeyed: Vec<Signal> = colliding.into_iter().map(rekey).collect();
        let (more, _) = transact(connection, &rekeyed, policy, patience).await?;
        recorded.decisions.extend(more.decisions);
    }
    Ok(recorded)
}

fn rekey(signal: Signal) -> Signal {
    let idempotency_key = ingest::key_for_colliding(&signal);
    let (source, key) = (&signal.source, &signal.idempotency_key);
    tracing::warn!(source, key, "{source} uses one id for two signals that differ; both are recorded");
    Signal { idempotency_key, ..signal }
}

async fn transact(
    connection: &Connection,
    signals: &[Signal],
    policy: &Policy,
    patience: Duration,
) -> Result<(Recorded, Vec<Signal>), Error> {
    let began = Instant::now();
    let loaded = batch::load(&connection.client, signals, patience).await?;
    let plan = decide(loaded.state, &loaded.undecided, policy, loaded.now);
    batch::apply(&connection.client, &plan, patience).await?;
    for verdict in &plan.verdicts {
        tracing::info!(
            signal.id = %verdict.signal_id,
            alert.id = verdict.alert_id.map(tracing::field::display),
            decision = verdict.decision.as_str(),
            reason = verdict.decision.reason(),
            "Decided a signal"
        );
    }
    let decisions = plan.verdicts.iter().map(|verdict| verdict.decision).collect();
    // The store read its clock when the transaction began, and waiting for locks takes time.
    Ok((Recorded { clock: Clock::read(loaded.now, began), decisions }, loaded.colliding))
}
