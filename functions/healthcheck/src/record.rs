//! What conditions were, are and become: read from the store, and written there with the signals that tell of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use config::{SecretRef, Secrets};
use domain::condition::{Advanced, Condition, Lasting, Observed, Raised, advance, raise};
use domain::{Fingerprint, Timestamp};
use jiff::SignedDuration;
use runtime::queue::Queue;
use runtime::raise::raise as send;
use runtime::{Deadline, Fault};
use secrecy::ExposeSecret;
use store::check_states::{self, Changes, Record, Remembered, Turn};
use store::outbox::Outgoing;
use store::{Connection, migrations};

use crate::conditions::failed;
use crate::configured::{Configured, Place};

/// The longest that one exchange with Postgres may take.
const EXCHANGE: Duration = Duration::from_secs(5);
/// A combination of dimensions that has had no row for so long is not expected any more.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// What Watchkeeper's own database is called where it cannot be reached.
pub(crate) const STORE: &str = "watchkeeper";

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
fn patience(deadline: &Deadline) -> Duration {
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
}

/// Decides on record: reads what is remembered, writes what changes and what tells of it in one transaction, then sends.
///
/// # Errors
/// The store's; nothing was changed then. The connection must be dropped.
pub(crate) async fn on_record(
    store: &Store,
    queue: &Queue,
    conditions: &mut Vec<Condition>,
    configured: &Configured<'_>,
    now: Timestamp,
    deadline: &Deadline,
) -> Result<(Outcome, Vec<Remembered>), store::Error> {
    conditions.push(failed(STORE, Observed::Within, "Watchkeeper's own database answers".to_owned()));
    let environment = configured.environment();
    let fingerprints: Vec<String> =
        conditions.iter().map(|condition| condition.fingerprint(environment).to_string()).collect();
    let fingerprints: Vec<&str> = fingerprints.iter().map(String::as_str).collect();
    let client = &store.connection.client;
    let record = check_states::load(client, &fingerprints, patience(deadline)).await?;

    let gone = absent(&record, conditions, configured, now);
    let mut changes = decide(&record, conditions, environment, (now, now));
    for (row, over) in &gone {
        changes.gone.push((row.check.clone(), row.fingerprint.clone()));
        changes.raised.extend(over.clone());
    }
    check_states::apply(client, &changes, patience(deadline)).await?;

    let remembered = remember(record.remembered, &changes);
    let outgoing: Vec<Outgoing> = changes.raised.iter().cloned().map(Outgoing::from).collect();
    let firing = remembered.iter().filter(|row| row.state.firing).count();
    let (raised, unsent) = match send(&store.connection, queue, &outgoing, now).await {
        Ok(sent) => (sent.sent, sent.failed),
        // They are on record: whether the queue has them or not, the retry tick sends those that are not marked.
        Err(error) => (0, vec![("outbox".to_owned(), Fault::from(error).message)]),
    };
    Ok((Outcome { firing, raised, unsent }, remembered))
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
        let heard = record.heard.contains(&(fingerprint.clone(), condition.source()));
        if let Some(Advanced { state, told }) = advance(before, condition, heard, now) {
            changes.raised.extend(told.map(|change| raise(condition, change, environment, at)));
            changes.states.push((condition, fingerprint, state));
        }
    }
    changes
}

/// Rows that no condition of this run is about. What a watch file says of missing values is said of them, too; what
/// nobody asks about any more ends.
fn absent(
    record: &Record,
    conditions: &mut Vec<Condition>,
    configured: &Configured<'_>,
    now: Timestamp,
) -> Vec<(Remembered, Option<Raised>)> {
    let environment = configured.environment();
    let found: BTreeSet<(String, Fingerprint)> =
        conditions.iter().map(|condition| (condition.check.clone(), condition.fingerprint(environment))).collect();
    let mut gone = Vec::new();
    for row in &record.remembered {
        if found.contains(&(row.check.clone(), row.fingerprint.clone())) {
            continue;
        }
        match configured.place_of(row, now) {
            Place::NotAsked => {}
            Place::Vanished(condition) if is_forgotten(row, &condition, now) => {
                gone.push(end(row, environment, "has had no row for 7 days", now));
            }
            Place::Vanished(condition) => conditions.push(*condition),
            Place::Nowhere => gone.push(end(row, environment, "is not in the watch file any more", now)),
        }
    }
    gone
}

/// Where a missing value counts as beyond the threshold, every run looks at it; elsewhere none has since the last row.
fn is_forgotten(row: &Remembered, vanished: &Condition, now: Timestamp) -> bool {
    let last = match vanished.observed {
        Observed::Beyond => row.state.breaching_since.unwrap_or(row.state.evaluated_at),
        Observed::Within | Observed::Unknown => row.state.evaluated_at,
    };
    now.duration_since(last) > FORGOTTEN
}

/// The end of a row; whoever was told hears of it.
fn end(row: &Remembered, environment: &str, why: &str, now: Timestamp) -> (Remembered, Option<Raised>) {
    let condition = Condition {
        check: row.check.clone(),
        metric: row.metric.clone(),
        kind: row.kind.clone(),
        subject: row.subject.clone(),
        labels: row.labels.clone(),
        severity: row.state.severity,
        lasting: Lasting::TwoEvaluations,
        watched: true,
        observed: Observed::Within,
        value: None,
        timed_out: false,
        summary: format!("{} {why}", row.subject),
        details: serde_json::Map::new(),
    };
    let told = advance(Some(&row.state), &condition, false, now).and_then(|advanced| advanced.told);
    (row.clone(), told.map(|change| raise(&condition, change, environment, now)))
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
