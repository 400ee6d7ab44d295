//! What checks remember between evaluations. Evaluations take turns by a lock of their transaction, so that what one
//! decides from a state it read is written before another reads it.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::condition::{Condition, Raised, State};
use domain::fingerprint::{Fingerprint, Labels};
use domain::{Severity, Timestamp};
use tokio_postgres::types::{Json, Type};
use tokio_postgres::{Client, Row};

use crate::Error;
use crate::outbox::{self, Outgoing};
use crate::rows::{column, word};
use crate::statements::{Flush, Statement, say};

pub(crate) const STATEMENTS: &[&Statement] = &[&READ_TURNS, &BOUND, &LOCK, &READ, &READ_HEARD, &UPSERT, &DELETE];

static READ_TURNS: Statement = Statement {
    name: "reading when checks ran",
    sql: "select check_name,
                 bool_or(timed_out)        as timed_out,
                 bool_or(status = 'firing') as firing,
                 max(evaluated_at)         as evaluated_at
          from watchkeeper.check_states
          where metric is null
          group by check_name",
    types: &[],
};
static BOUND: Statement = Statement {
    name: "bounding an evaluation",
    sql: "select set_config('statement_timeout', $1, true),
                 set_config('idle_in_transaction_session_timeout', '10s', true)",
    types: &[Type::TEXT],
};
static LOCK: Statement = Statement {
    name: "taking turns with other evaluations",
    sql: "select pg_advisory_xact_lock($1)",
    types: &[Type::INT8],
};
static READ: Statement = Statement {
    name: "reading the states of checks",
    sql: "select check_name, fingerprint, metric, kind, subject, labels, status, severity, value, breaching_since,
                 evaluated_at, seen_at, timed_out
          from watchkeeper.check_states",
    types: &[],
};
static READ_HEARD: Statement = Statement {
    name: "reading what the router heard of checks",
    sql: "select source.fingerprint, source.source, source.severity, source.changed_at,
                 alert.kind, alert.subject, alert.labels
          from watchkeeper.alert_sources as source
          left join watchkeeper.alerts as alert
              on alert.fingerprint = source.fingerprint and alert.status = 'firing'
          where source.source like 'check:%' and source.status = 'firing'",
    types: &[],
};
static UPSERT: Statement = Statement {
    name: "remembering the states of checks",
    sql: include_str!("sql/upsert_check_states.sql"),
    types: &[
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::JSONB_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::FLOAT8_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::BOOL_ARRAY,
    ],
};
static DELETE: Statement = Statement {
    name: "forgetting the states of checks",
    sql: "delete from watchkeeper.check_states as state
          using unnest($1::text[], $2::text[]) as gone (check_name, fingerprint)
          where state.check_name = gone.check_name and state.fingerprint = gone.fingerprint",
    types: &[Type::TEXT_ARRAY, Type::TEXT_ARRAY],
};

/// Any constant serves that no other lock has: it reads `wkchecks` in ASCII.
const LOCK_KEY: i64 = 0x776b_6368_6563_6b73;

/// When a check, or a database, was last asked, and whether it ran out of its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// It ran out of its time.
    pub timed_out: bool,
    /// It could not be asked, or what only it asks about is amiss; thresholds of metrics are another matter.
    pub firing: bool,
    /// When.
    pub evaluated_at: Timestamp,
}

/// When checks were last asked, by name.
///
/// # Errors
/// The statement's failure.
pub async fn list_turns(client: &Client) -> Result<BTreeMap<String, Turn>, Error> {
    let turn = |row: &Row| {
        let turn = Turn {
            timed_out: column(row, "timed_out")?,
            firing: column(row, "firing")?,
            evaluated_at: column(row, "evaluated_at")?,
        };
        Ok((column(row, "check_name")?, turn))
    };
    READ_TURNS.run(client, &[]).await?.iter().map(turn).collect()
}

/// A condition's row: whose it is, what it is about, what is remembered.
#[derive(Clone, Debug, PartialEq)]
pub struct Remembered {
    /// The check that looked.
    pub check: String,
    /// Identity of the condition.
    pub fingerprint: Fingerprint,
    /// The metric; `None` where it is that the check could not be asked.
    pub metric: Option<String>,
    /// Its kind.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// Identity labels.
    pub labels: Labels,
    /// What is remembered.
    pub state: State,
}

/// Everything that is remembered, and what the router holds for firing.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// All rows.
    pub remembered: Vec<Remembered>,
    /// What the router heard from checks and has not heard the end of, by fingerprint and source.
    pub heard: BTreeMap<(Fingerprint, String), Option<Heard>>,
}

/// The open alert of something that the router heard.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// Its kind.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// Identity labels.
    pub labels: Labels,
    /// What the source last said.
    pub severity: Severity,
    /// When it said so.
    pub changed_at: Timestamp,
}

/// What an evaluation changes.
#[derive(Clone, Debug, Default)]
pub struct Changes<'a> {
    /// What is remembered from now on, of which condition, with its fingerprint.
    pub states: Vec<(&'a Condition, Fingerprint, State)>,
    /// What is forgotten, by check and fingerprint.
    pub gone: Vec<(String, Fingerprint)>,
    /// What is raised.
    pub raised: Vec<Raised>,
}

/// Begins the transaction of an evaluation: waits for its turn, then reads what there is. [`apply`] ends it.
///
/// # Errors
/// A statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn load(client: &Client, patience: Duration) -> Result<Record, Error> {
    let limit = patience.as_millis().max(1).to_string();
    let mut flush = Flush::new(patience);
    flush.add(say(client, "begin isolation level read committed"));
    flush.add(BOUND.run(client, &[&limit]));
    flush.add(LOCK.run(client, &[&LOCK_KEY]));
    flush.add(READ.run(client, &[]));
    flush.add(READ_HEARD.run(client, &[]));
    let [_, _, _, remembered, heard] = flush.answers(READ.name).await?;
    Ok(Record {
        remembered: remembered.iter().map(remembered_of).collect::<Result<_, _>>()?,
        heard: heard.iter().map(heard_of).collect::<Result<_, _>>()?,
    })
}

fn heard_of(row: &Row) -> Result<((Fingerprint, String), Option<Heard>), Error> {
    let kind: Option<String> = column(row, "kind")?;
    let alert = match kind {
        Some(kind) => {
            let Json(labels): Json<Labels> = column(row, "labels")?;
            let severity = word(row, "severity", |text| text.parse::<Severity>().ok())?;
            let (subject, changed_at) = (column(row, "subject")?, column(row, "changed_at")?);
            Some(Heard { kind, subject, labels, severity, changed_at })
        }
        None => None,
    };
    Ok(((Fingerprint::from_stored(column(row, "fingerprint")?), column(row, "source")?), alert))
}

fn remembered_of(row: &Row) -> Result<Remembered, Error> {
    let Json(labels): Json<Labels> = column(row, "labels")?;
    let state = State {
        firing: word(row, "status", |text| Some(text == "firing"))?,
        severity: word(row, "severity", |text| text.parse::<Severity>().ok())?,
        breaching_since: column(row, "breaching_since")?,
        value: column(row, "value")?,
        evaluated_at: column(row, "evaluated_at")?,
        seen_at: column(row, "seen_at")?,
        timed_out: column(row, "timed_out")?,
    };
    Ok(Remembered {
        check: column(row, "check_name")?,
        fingerprint: Fingerprint::from_stored(column(row, "fingerprint")?),
        metric: column(row, "metric")?,
        kind: column(row, "kind")?,
        subject: column(row, "subject")?,
        labels,
        state,
    })
}

/// Writes what an evaluation changes, with the signals that tell of it, and commits. It was done only if this answers
/// without an error.
///
/// # Errors
/// A statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn apply(client: &Client, changes: &Changes<'_>, patience: Duration) -> Result<(), Error> {
    let states = || changes.states.iter();
    let checks: Vec<&str> = states().map(|(condition, ..)| condition.check.as_str()).collect();
    let fingerprints: Vec<&str> = states().map(|(_, fingerprint, _)| fingerprint.as_str()).collect();
    let metrics: Vec<Option<&str>> = states().map(|(condition, ..)| condition.metric.as_deref()).collect();
    let kinds: Vec<&str> = states().map(|(condition, ..)| condition.kind.as_str()).collect();
    let subjects: Vec<&str> = states().map(|(condition, ..)| condition.subject.as_str()).collect();
    let labels: Vec<Json<&Labels>> = states().map(|(condition, ..)| Json(&condition.labels)).collect();
    let statuses: Vec<&str> = states().map(|(.., state)| if state.firing { "firing" } else { "resolved" }).collect();
    let severities: Vec<&str> = states().map(|(.., state)| state.severity.as_str()).collect();
    let values: Vec<Option<f64>> = states().map(|(.., state)| state.value).collect();
    let since: Vec<Option<Timestamp>> = states().map(|(.., state)| state.breaching_since).collect();
    let evaluated: Vec<Timestamp> = states().map(|(.., state)| state.evaluated_at).collect();
    let seen: Vec<Timestamp> = states().map(|(.., state)| state.seen_at).collect();
    let timed_out: Vec<bool> = states().map(|(.., state)| state.timed_out).collect();
    let (gone_checks, gone): (Vec<&str>, Vec<&str>) =
        changes.gone.iter().map(|(check, fingerprint)| (check.as_str(), fingerprint.as_str())).unzip();
    let outgoing: Vec<Outgoing> = changes.raised.iter().cloned().map(Outgoing::from).collect();

    let mut flush = Flush::new(patience);
    flush.add(UPSERT.run(
        client,
        &[
            &checks,
            &fingerprints,
            &metrics,
            &kinds,
            &subjects,
            &labels,
            &statuses,
            &severities,
            &values,
            &since,
            &evaluated,
            &seen,
            &timed_out,
        ],
    ));
    if !gone.is_empty() {
        flush.add(DELETE.run(client, &[&gone_checks, &gone]));
    }
    if !outgoing.is_empty() {
        flush.add(outbox::write(client, &outgoing));
    }
    flush.add(say(client, "commit"));
    flush.all(UPSERT.name).await.map(drop)
}
