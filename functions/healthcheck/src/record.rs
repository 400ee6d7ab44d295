//! What conditions were, are and become: read from the store, and written there with the signals that tell of them.

use std::collections::BTreeMap;
use std::time::Duration;

use config::{SecretRef, Secrets};
use domain::condition::{Advanced, Condition, Observed, advance, raise};
use domain::{Fingerprint, Timestamp};
use runtime::queue::Queue;
use runtime::raise::raise as send;
use runtime::{Deadline, Fault};
use secrecy::ExposeSecret;
use store::check_states::{self, Changes, Record, Remembered, Turn};
use store::outbox::Outgoing;
use store::{Connection, migrations};

use crate::absent;
use crate::conditions::failed;
use crate::configured::Configured;

/// The longest that one exchange with Postgres may take.
const EXCHANGE: Duration = Duration::from_secs(5);
/// The longest that sending what is on record, and marking it, may take: measurements are still to be published.
const SENDING: Duration = Duration::from_secs(20);
/// What Watchkeeper's own database is called where it cannot be reached.
pub(crate) const STORE: &str = config::watch_file::OWN_DATABASE;

/// Our own database, in its turn of this run.
pub(crate) struct Store {
    pub(crate) connection: Connection,
    /// Its clock, read as the run began.
    pub(crate) now: Timestamp,
    /// When checks were last asked.
    pub(crate) turns: BTreeMap<String, Turn>,
}

impl Store {
    /// Connects, reads the clock and whose turn it is.
    ///
    /// # Errors
    /// Why it is not to be had.
    pub(crate) async fn open(secrets: &Secrets, deadline: &Deadline) -> Result<Self, Fault> {
        let url = secrets.get(&SecretRef::store()).map_err(Fault::bad_config)?;
        let authority = secrets.get(&SecretRef::database_authority()).ok();
        let opening = async {
            let connection = Connection::open(&url, authority.as_ref().map(ExposeSecret::expose_secret)).await?;
            let now = migrations::require(&connection.client).await?;
            let turns = check_states::list_turns(&connection.client).await?;
            Ok(Self { connection, now, turns })
        };
        let silent = || store::Error::Timeout { statement: "opening the record", seconds: EXCHANGE.as_secs() };
        tokio::time::timeout(patience(deadline), opening).await.unwrap_or_else(|_| Err(silent())).map_err(Fault::from)
    }
}

/// How long one exchange with Postgres may take in what is left of an invocation.
pub(crate) fn patience(deadline: &Deadline) -> Duration {
    deadline.for_work().min(EXCHANGE)
}

/// What came of the conditions.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How many are raised and not over, by the record.
    pub(crate) firing: usize,
    /// Signals that the queue took.
    pub(crate) raised: usize,
    /// Signals that it did not take, and why; the retry tick sends those that are on record.
    pub(crate) unsent: Vec<(String, String)>,
    /// The evaluation that came before this one but is dated after it: what it decided stands.
    pub(crate) newer: Option<Timestamp>,
}

/// Decides on record: reads what is remembered, writes what changes and what tells of it in one transaction, then sends.
///
/// # Errors
/// The store's; nothing was changed then. The connection must be dropped.
pub(crate) async fn on_record(
    store: &Store,
    queue: &Queue,
    found: &[Condition],
    configured: &Configured<'_>,
    now: Timestamp,
    deadline: &Deadline,
) -> Result<(Outcome, Vec<Remembered>), store::Error> {
    let environment = configured.environment();
    let client = &store.connection.client;
    let record = check_states::load(client, patience(deadline)).await?;

    let mut conditions = found.to_vec();
    conditions.push(failed(STORE, Observed::Within, "Watchkeeper's own database answers".to_owned()));
    let absent = absent::of(&record, &conditions, configured, now);
    conditions.extend(absent.vanished);
    let mut changes = decide(&record, &conditions, environment, (now, now));
    changes
        .states
        .extend(absent.adopted.iter().map(|(condition, fingerprint, state)| (condition, fingerprint.clone(), *state)));
    changes.gone.extend(absent.gone);
    changes.raised.extend(absent.raised);
    check_states::apply(client, &changes, patience(deadline)).await?;

    let newer = record.remembered.iter().map(|row| row.state.evaluated_at).filter(|at| *at > now).max();
    let remembered = remember(record.remembered, &changes);
    let outgoing: Vec<Outgoing> = changes.raised.iter().cloned().map(Outgoing::from).collect();
    let firing = remembered.iter().filter(|row| row.state.firing).count();
    let sending = send(&store.connection, queue, &outgoing, now);
    let sent = tokio::time::timeout(deadline.for_work().min(SENDING), sending).await;
    // They are on record: whether the queue has them or not, the retry tick sends those that are not marked.
    let (raised, unsent) = match sent {
        Ok(Ok(sent)) => (sent.sent, sent.failed),
        Ok(Err(error)) => (0, vec![("outbox".to_owned(), Fault::from(error).message)]),
        Err(_) => (0, vec![("outbox".to_owned(), "what was sent could not be marked in time".to_owned())]),
    };
    Ok((Outcome { firing, raised, unsent, newer }, remembered))
}

/// What each condition becomes at `now`; what tells of it is dated `at`.
pub(crate) fn decide<'c>(
    record: &Record,
    conditions: &'c [Condition],
    environment: &str,
    (now, at): (Timestamp, Timestamp),
) -> Changes<'c> {
    let states: BTreeMap<(&str, &Fingerprint), &Remembered> =
        record.remembered.iter().map(|row| ((row.check.as_str(), &row.fingerprint), row)).collect();
    let mut changes = Changes::default();
    for condition in conditions {
        let fingerprint = condition.fingerprint(environment);
        let before = states.get(&(condition.check.as_str(), &fingerprint)).map(|row| &row.state);
        let heard = record.heard.contains_key(&(fingerprint.clone(), condition.source()));
        if let Some(Advanced { state, told }) = advance(before, condition, heard, now) {
            changes.raised.extend(told.map(|change| raise(condition, change, environment, at)));
            changes.states.push((condition, fingerprint, state));
        }
    }
    changes
}

/// What is remembered after `changes`.
pub(crate) fn remember(before: Vec<Remembered>, changes: &Changes<'_>) -> Vec<Remembered> {
    let identity = |row: &Remembered| (row.check.clone(), row.fingerprint.clone());
    let mut rows: BTreeMap<(String, Fingerprint), Remembered> =
        before.into_iter().map(|row| (identity(&row), row)).collect();
    for gone in &changes.gone {
        rows.remove(gone);
    }
    for (condition, fingerprint, state) in &changes.states {
        let row = Remembered {
            check: condition.check.clone(),
            fingerprint: fingerprint.clone(),
            metric: condition.metric.clone(),
            kind: condition.kind.clone(),
            subject: condition.subject.clone(),
            labels: condition.labels.clone(),
            state: *state,
        };
        rows.insert(identity(&row), row);
    }
    rows.into_values().collect()
}
