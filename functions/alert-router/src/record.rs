//! Records messages and what follows from them, in one transaction.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use domain::decide::{Decision, decide};
use domain::{Policy, Signal, Timestamp, ingest};
use store::{Connection, Error, batch};
use uuid::Uuid;

use crate::payload::Received;

/// What a transaction made of some messages.
pub(crate) struct Recorded {
    /// The store's clock, read in that transaction.
    pub(crate) now: Timestamp,
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
/// # Errors
/// The store's. The connection must then be dropped: it may hold an open transaction.
pub(crate) async fn record(
    connection: &Connection,
    signals: &[Signal],
    policy: &Policy,
    patience: Duration,
) -> Result<Recorded, Error> {
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
    Ok(Recorded { now: loaded.now, decisions: plan.verdicts.iter().map(|verdict| verdict.decision).collect() })
}
