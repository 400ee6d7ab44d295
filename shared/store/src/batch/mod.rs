//! Records a batch of signals and what follows from them: two round trips, whatever the batch size.
//!
//! *Load* takes the locks of their fingerprints and only then reads what is known of them, the signals themselves included;
//! *apply* writes the signals, each once and with what was decided of it, all that follows, and commits. Each is one network
//! flush: statements are pipelined, never merged, because a statement's snapshot is older than the locks it takes.

mod again;
mod apply;
mod columns;
mod sql;
mod surroundings;

use std::collections::BTreeMap;
use std::time::Duration;

use domain::decide::State;
use domain::{Fingerprint, Policy, Signal, Timestamp};
use tokio_postgres::{Client, Row};

use crate::Error;
use crate::rows::{column, joined, source};
use crate::statements::{Flush, say};
pub use again::{list_due_again, load_open};
pub use apply::{apply, give_up};
pub(crate) use sql::{LOCK, STATEMENTS};
use surroundings::Surroundings;

/// What *load* found. The transaction is open and holds the locks; [`apply`] or a dropped connection ends it.
pub struct Loaded {
    /// The clock that decides: the store's, read once.
    pub now: Timestamp,
    /// The signals to decide: those not on record yet, each once.
    pub undecided: Vec<Signal>,
    /// Signals whose key another one has that says something else: their sender uses an id twice. They are not to be
    /// recorded under it.
    pub colliding: Vec<Signal>,
    /// What is known of their fingerprints.
    pub state: State,
}

/// What the record holds under a key.
struct OnRecord {
    fingerprint: String,
    status: String,
}

impl OnRecord {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self { fingerprint: column(row, "fingerprint")?, status: column(row, "status")? })
    }

    fn of(signal: &Signal) -> Self {
        Self { fingerprint: signal.fingerprint.as_str().to_owned(), status: signal.status.as_str().to_owned() }
    }

    fn is_about(&self, signal: &Signal) -> bool {
        self.fingerprint == signal.fingerprint.as_str() && self.status == signal.status.as_str()
    }
}

/// Locks the fingerprints of `signals` and reads what is known of them and, as far as `policy` asks for it, of what may mute
/// them, in one flush.
///
/// A signal whose key is on record is left out of what comes back: it was dealt with.
///
/// # Errors
/// Any statement's failure, or [`Error::Timeout`] after `patience`. The connection then holds an open transaction and
/// must be dropped.
pub async fn load(client: &Client, signals: &[Signal], policy: &Policy, patience: Duration) -> Result<Loaded, Error> {
    let keys: Vec<&str> = signals.iter().map(|signal| signal.idempotency_key.as_str()).collect();
    let mut fingerprints: Vec<&str> = signals.iter().map(|signal| Fingerprint::as_str(&signal.fingerprint)).collect();
    fingerprints.sort_unstable();
    fingerprints.dedup();
    let mut locks: Vec<i64> = signals.iter().map(|signal| signal.fingerprint.lock_key()).collect();
    locks.sort_unstable();
    locks.dedup();
    // Zero would mean no limit at all.
    let milliseconds = patience.as_millis().max(1).to_string();
    let surroundings = Surroundings::of(signals, &fingerprints, policy, None);

    let mut flush = Flush::new(patience);
    flush.add(say(client, "begin isolation level read committed"));
    flush.add(sql::BOUND.run(client, &[&milliseconds]));
    flush.add(sql::LOCK.run(client, &[&locks]));
    flush.add(sql::READ_RECORDED.run(client, &[&keys]));
    flush.add(sql::READ_SOURCES.run(client, &[&fingerprints]));
    flush.add(sql::READ_ALERTS.run(client, &[&fingerprints]));
    flush.add(sql::READ_DELIVERIES.run(client, &[&fingerprints]));
    surroundings.ask(client, &mut flush);
    let mut answers = flush.all("reading what is known").await?.into_iter().skip(1);
    let mut next = || answers.next().unwrap_or_default();
    let (bound, _) = (next(), next());
    let (recorded, sources, alerts, deliveries) = (next(), next(), next(), next());

    let now = bound.first().map(|row| column(row, "now")).transpose()?.unwrap_or(Timestamp::UNIX_EPOCH);
    let mut on_record = BTreeMap::new();
    for row in &recorded {
        on_record.insert(column::<String>(row, "idempotency_key")?, OnRecord::from_row(row)?);
    }
    let (mut undecided, mut colliding) = (Vec::new(), Vec::new());
    for signal in signals {
        // In the order of arrival; of two messages with one key the first stands for both.
        match on_record.get(&signal.idempotency_key) {
            Some(known) if known.is_about(signal) => {}
            Some(_) => colliding.push(signal.clone()),
            None => {
                on_record.insert(signal.idempotency_key.clone(), OnRecord::of(signal));
                undecided.push(signal.clone());
            }
        }
    }
    let mut state = State {
        alerts: joined(&alerts, &deliveries)?,
        sources: sources.iter().map(source).collect::<Result<_, _>>()?,
        ..State::default()
    };
    surroundings.read(&mut answers, &mut state)?;
    Ok(Loaded { now, undecided, colliding, state })
}
