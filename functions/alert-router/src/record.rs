//! Records messages and what follows from them, in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use domain::decide::{Decision, State, decide};
use domain::gone::{self, Decided, Told};
use domain::{Policy, Signal, ingest};
use store::{Class, Connection, Error, batch};
use uuid::Uuid;

use crate::app::Clock;
use crate::look::ToTell;
use crate::metrics::Metrics;
use crate::payload::Received;

/// What decisions depend on besides the record.
pub(crate) struct Rules<'a> {
    /// The watch file's part.
    pub(crate) policy: &'a Policy,
    /// Receivers that somebody switched off.
    pub(crate) switched_off: BTreeSet<String>,
    /// What happened to the messages before.
    pub(crate) past: Past<'a>,
}

/// What happened to messages before they are recorded.
#[derive(Clone, Copy, Default)]
pub(crate) struct Past<'a> {
    /// Who was told already, while the store was gone.
    pub(crate) told: &'a [Told],
    /// Somebody received them who is gone, and may have told people and noted nothing.
    pub(crate) came_before: bool,
}

/// What transactions made of some messages.
pub(crate) struct Recorded {
    /// The store's clock, read when the transaction began.
    pub(crate) clock: Clock,
    /// What was decided about signals that were new.
    pub(crate) decisions: Vec<Decision>,
    /// Who is to be told of it.
    pub(crate) to_tell: ToTell,
}

/// Reads a message; `ids` gives each of its signals an id. A panic costs this message alone: it stays on the queue until
/// the dead-letter queue takes it.
pub(crate) fn read(received: &Received, policy: &Policy, ids: &mut dyn FnMut() -> Uuid) -> Result<Vec<Signal>, String> {
    catch_unwind(AssertUnwindSafe(|| {
        failpoint::reading(&received.message.body);
        ingest::parse(&received.message, policy, ids)
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
    rules: &Rules<'_>,
    patience: Duration,
) -> Result<Recorded, Error> {
    let (mut recorded, colliding) = transact(connection, signals, rules, patience).await?;
    if !colliding.is_empty() {
        let rekeyed: Vec<Signal> = colliding.into_iter().map(rekey).collect();
        let (more, _) = transact(connection, &rekeyed, rules, patience).await?;
        recorded.decisions.extend(more.decisions);
        recorded.to_tell.add(more.to_tell);
    }
    Ok(recorded)
}

fn rekey(signal: Signal) -> Signal {
    let idempotency_key = ingest::key_for_colliding(&signal);
    let (source, key) = (&signal.source, &signal.idempotency_key);
    tracing::warn!(source, key, "{source} uses one id for two signals that differ; both are recorded");
    Signal { idempotency_key, ..signal }
}

/// How many signals of a transaction have a line of the log each.
const MOST_LINES: usize = 20;
/// How often signals are decided anew because what they were decided by has changed meanwhile.
const DECISIONS: usize = 3;

async fn transact(
    connection: &Connection,
    signals: &[Signal],
    rules: &Rules<'_>,
    patience: Duration,
) -> Result<(Recorded, Vec<Signal>), Error> {
    for _ in 1..DECISIONS {
        match try_once(connection, signals, rules, patience).await {
            Err(error) if error.class() == Class::Outdated => batch::give_up(&connection.client, patience).await?,
            decided => return decided,
        }
    }
    try_once(connection, signals, rules, patience).await
}

async fn try_once(
    connection: &Connection,
    signals: &[Signal],
    rules: &Rules<'_>,
    patience: Duration,
) -> Result<(Recorded, Vec<Signal>), Error> {
    let began = Instant::now();
    let loaded = batch::load(&connection.client, signals, rules.policy, patience).await?;
    let state = State { switched_off: rules.switched_off.clone(), ..loaded.state };
    let Past { told, came_before } = rules.past;
    let somebody_was_told = came_before || !told.is_empty();
    let known = if somebody_was_told { state.alerts.clone() } else { BTreeMap::new() };
    let mut plan = decide(state, &loaded.undecided, rules.policy, loaded.now);
    if somebody_was_told {
        let (recorded, told) = store::told::split(&connection.client, told.to_vec(), patience).await?;
        let ended = store::told::list_ended_since(&connection.client, &told, gone::SKEW, patience).await?;
        let decided = Decided {
            known: &known,
            signals: &loaded.undecided,
            said: signals,
            recorded: &recorded,
            came_before,
            ended: &ended,
            now: loaded.now,
        };
        gone::mark(&mut plan, &decided, &told, rules.policy);
    }
    batch::apply(&connection.client, &loaded.undecided, &plan, patience).await?;
    Metrics::of(rules.policy).decided(&loaded.undecided, &plan.verdicts, loaded.now);
    // What tells nobody is on record, and a storm need not be in the log as well: the batch's own line counts it.
    let telling = plan.verdicts.iter().filter(|verdict| !matches!(verdict.decision, Decision::Suppressed(_)));
    for verdict in telling.take(MOST_LINES) {
        tracing::info!(
            signal.id = %verdict.signal_id,
            alert.id = verdict.alert_id.map(tracing::field::display),
            decision = verdict.decision.as_str(),
            "Decided a signal"
        );
    }
    let decisions = plan.verdicts.iter().map(|verdict| verdict.decision).collect();
    // The store read its clock when the transaction began, and waiting for locks takes time.
    let clock = Clock::read(loaded.now, began);
    Ok((Recorded { clock, decisions, to_tell: ToTell::of(&plan) }, loaded.colliding))
}
