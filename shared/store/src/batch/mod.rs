//! Records a batch of signals and what follows from them: two round trips, whatever the batch size.
//!
//! *Load* records the signals, takes the locks of their fingerprints and only then reads what is known of them; *apply*
//! writes what was decided and commits. Each is one network flush: statements are pipelined, never merged, because a
//! statement's snapshot is older than the locks it takes.

mod again;
mod apply;
mod columns;
mod sql;
mod surroundings;

use std::collections::BTreeMap;
use std::time::Duration;

use domain::decide::State;
use domain::{Fingerprint, Policy, Signal, Timestamp};
use tokio_postgres::types::Json;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

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
    /// The signals to decide: those not on record before, and those whose decision is still missing. Each carries the
    /// id under which it is recorded.
    pub undecided: Vec<Signal>,
    /// Signals whose key another one has that says something else: their sender uses an id twice. They are not on
    /// record yet.
    pub colliding: Vec<Signal>,
    /// What is known of their fingerprints.
    pub state: State,
}

/// What the record holds under a key.
struct OnRecord {
    id: Uuid,
    undecided: bool,
    fingerprint: String,
    status: String,
}

impl OnRecord {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: column(row, "signal_id")?,
            undecided: column(row, "undecided")?,
            fingerprint: column(row, "fingerprint")?,
            status: column(row, "status")?,
        })
    }

    fn is_about(&self, signal: &Signal) -> bool {
        self.fingerprint == signal.fingerprint.as_str() && self.status == signal.status.as_str()
    }
}

/// Records `signals`, locks their fingerprints and reads what is known of them and, as far as `policy` asks for it, of what
/// may mute them, in one flush.
///
/// A signal whose key is on record and decided is left out of what comes back: it was dealt with.
///
/// # Errors
/// Any statement's failure, or [`Error::Timeout`] after `patience`. The connection then holds an open transaction and
/// must be dropped.
pub async fn load(client: &Client, signals: &[Signal], policy: &Policy, patience: Duration) -> Result<Loaded, Error> {
    let mut sorted: Vec<&Signal> = signals.iter().collect();
    sorted.sort_by(|one, other| one.idempotency_key.cmp(&other.idempotency_key));
    let new = Columns::of(&sorted);
    let mut locks: Vec<i64> = signals.iter().map(|signal| signal.fingerprint.lock_key()).collect();
    locks.sort_unstable();
    locks.dedup();
    // Zero would mean no limit at all.
    let milliseconds = patience.as_millis().max(1).to_string();
    let fingerprints = &new.fingerprint;
    let surroundings = Surroundings::of(signals, fingerprints, policy, None);

    let mut flush = Flush::new(patience);
    flush.add(say(client, "begin isolation level read committed"));
    flush.add(sql::BOUND.run(client, &[&milliseconds]));
    flush.add(sql::INSERT_SIGNALS.run(
        client,
        &[
            &new.id,
            &new.idempotency_key,
            &new.occurred_at,
            &new.source,
            &new.kind,
            &new.subject,
            &new.environment,
            &new.status,
            &new.severity,
            &new.fingerprint,
            &new.labels,
            &new.summary,
            &new.body,
            &new.sender,
        ],
    ));
    flush.add(sql::LOCK.run(client, &[&locks]));
    flush.add(sql::READ_RECORDED.run(client, &[&new.idempotency_key]));
    flush.add(sql::READ_SOURCES.run(client, &[fingerprints]));
    flush.add(sql::READ_ALERTS.run(client, &[fingerprints]));
    flush.add(sql::READ_DELIVERIES.run(client, &[fingerprints]));
    surroundings.ask(client, &mut flush);
    let mut answers = flush.all("recording signals").await?.into_iter().skip(1);
    let mut next = || answers.next().unwrap_or_default();
    let (bound, _, _) = (next(), next(), next());
    let (recorded, sources, alerts, deliveries) = (next(), next(), next(), next());

    let now = bound.first().map(|row| column(row, "now")).transpose()?.unwrap_or(Timestamp::UNIX_EPOCH);
    let mut on_record = BTreeMap::new();
    for row in &recorded {
        on_record.insert(column::<&str>(row, "idempotency_key")?, OnRecord::from_row(row)?);
    }
    let (mut undecided, mut colliding) = (Vec::new(), Vec::new());
    for signal in signals {
        // In the order of arrival; of two messages with one key the first stands for both.
        match on_record.get_mut(signal.idempotency_key.as_str()) {
            Some(known) if !known.is_about(signal) => colliding.push(signal.clone()),
            Some(known) if known.undecided => {
                known.undecided = false;
                undecided.push(Signal { id: known.id, ..signal.clone() });
            }
            _ => {}
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

/// Signals as columns, as `unnest` wants them.
struct Columns<'a> {
    id: Vec<Uuid>,
    idempotency_key: Vec<&'a str>,
    occurred_at: Vec<Timestamp>,
    source: Vec<&'a str>,
    kind: Vec<&'a str>,
    subject: Vec<&'a str>,
    environment: Vec<&'a str>,
    status: Vec<&'a str>,
    severity: Vec<&'a str>,
    fingerprint: Vec<&'a str>,
    labels: Vec<Json<&'a domain::fingerprint::Labels>>,
    summary: Vec<&'a str>,
    body: Vec<&'a str>,
    sender: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    fn of(signals: &[&'a Signal]) -> Self {
        fn each<'a, T>(signals: &[&'a Signal], field: impl Fn(&'a Signal) -> T) -> Vec<T> {
            signals.iter().map(|signal| field(signal)).collect()
        }
        Self {
            id: each(signals, |signal| signal.id),
            idempotency_key: each(signals, |signal| signal.idempotency_key.as_str()),
            occurred_at: each(signals, |signal| signal.occurred_at),
            source: each(signals, |signal| signal.source.as_str()),
            kind: each(signals, |signal| signal.kind.as_str()),
            subject: each(signals, |signal| signal.subject.as_str()),
            environment: each(signals, |signal| signal.environment.as_str()),
            status: each(signals, |signal| signal.status.as_str()),
            severity: each(signals, |signal| signal.severity.as_str()),
            fingerprint: each(signals, |signal| Fingerprint::as_str(&signal.fingerprint)),
            labels: each(signals, |signal| Json(&signal.labels)),
            summary: each(signals, |signal| signal.summary.as_str()),
            body: each(signals, |signal| signal.body.as_str()),
            sender: each(signals, |signal| signal.sender.as_str()),
        }
    }
}
