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

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
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
pub struct Loaded<'a> {
    /// The clock that decides: the store's, read once.
    pub now: Timestamp,
    /// The signals to decide: those not on record yet, each once; the given ones where that is all of them.
    pub undecided: Cow<'a, [Signal]>,
    /// Signals whose key another one has that says something else: their sender uses an id twice. They are not to be
    /// recorded under it.
    pub colliding: Vec<Signal>,
    /// What is known of their fingerprints.
    pub state: State,
}

/// What the record holds under a key.
struct OnRecord<'a> {
    fingerprint: &'a str,
    status: &'a str,
}

impl<'a> OnRecord<'a> {
    fn from_row(row: &'a Row) -> Result<Self, Error> {
        Ok(Self { fingerprint: column(row, "fingerprint")?, status: column(row, "status")? })
    }

    fn of(signal: &'a Signal) -> Self {
        Self { fingerprint: signal.fingerprint.as_str(), status: signal.status.as_str() }
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
pub async fn load<'a>(
    client: &Client,
    signals: &'a [Signal],
    policy: &Policy,
    patience: Duration,
) -> Result<Loaded<'a>, Error> {
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
    let mut on_record = HashMap::with_capacity(signals.len());
    for row in &recorded {
        on_record.insert(column::<&str>(row, "idempotency_key")?, OnRecord::from_row(row)?);
    }
    let (mut undecided, mut colliding) = (Vec::with_capacity(signals.len()), Vec::new());
    for signal in signals {
        // In the order of arrival; of two messages with one key the first stands for both.
        match on_record.entry(signal.idempotency_key.as_str()) {
            Entry::Occupied(known) if known.get().is_about(signal) => {}
            Entry::Occupied(_) => colliding.push(signal.clone()),
            Entry::Vacant(new) => {
                new.insert(OnRecord::of(signal));
                undecided.push(signal);
            }
        }
    }
    let undecided = if undecided.len() == signals.len() {
        Cow::Borrowed(signals)
    } else {
        Cow::Owned(undecided.into_iter().cloned().collect())
    };
    let mut state = State {
        alerts: joined(&alerts, &deliveries)?,
        sources: sources.iter().map(source).collect::<Result<_, _>>()?,
        ..State::default()
    };
    surroundings.read(&mut answers, &mut state)?;
    Ok(Loaded { now, undecided, colliding, state })
}
