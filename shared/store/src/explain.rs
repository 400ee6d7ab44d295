//! The life of an alert: everything on record about it, in order, and what bears on who was told.

use std::time::Duration;

use domain::alert::Mute;
use domain::delivery::{DeliveryStatus, HeldBecause};
use domain::{Severity, SignalStatus, Timestamp};
use serde_json::Value;
use tokio_postgres::types::{Json, Type};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::Error;
use crate::rows::{column, optional_word, word};
use crate::statements::{Flush, Statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&FIND, &READ_LIFE, &READ_ALERT, &READ_SUPPRESSIONS, &READ_TELLING];

static FIND: Statement = Statement {
    name: "finding what is to be explained",
    // An alert has the id of the signal that opened it.
    sql: "select signal_id, alert_id
          from watchkeeper.signals
          where signal_id = $1 or idempotency_key = $2
          union all
          select null, alert_id
          from watchkeeper.alerts
          where alert_id = $1
          limit 1",
    types: &[Type::UUID, Type::TEXT],
};
static READ_LIFE: Statement = Statement {
    name: "reading the life of an alert",
    sql: include_str!("sql/read_life.sql"),
    types: &[Type::UUID, Type::UUID, Type::INT8],
};
static READ_ALERT: Statement = Statement {
    name: "reading an alert to explain it",
    sql: include_str!("sql/read_standing.sql"),
    types: &[Type::UUID],
};
static READ_SUPPRESSIONS: Statement = Statement {
    name: "reading why signals were suppressed",
    sql: include_str!("sql/read_suppressions.sql"),
    types: &[Type::UUID, Type::UUID],
};
static READ_TELLING: Statement = Statement {
    name: "reading who is still to be told",
    sql: include_str!("sql/read_telling.sql"),
    types: &[Type::UUID],
};

/// What is on record about an alert, or about a signal that belongs to none.
#[derive(Clone, Debug)]
pub struct Life {
    /// The alert.
    pub alert_id: Option<Uuid>,
    /// The signal that was asked about.
    pub signal_id: Option<Uuid>,
    /// What happened, in order, as JSON: each with `at` and `what`.
    pub events: Vec<Value>,
    /// The alert as it stands.
    pub alert: Option<Standing>,
    /// Why signals of it were suppressed, the first reason first.
    pub suppressions: Vec<Suppression>,
    /// Its deliveries that nobody has accepted, in order.
    pub telling: Vec<Telling>,
}

/// An alert as it stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// How bad it is.
    pub severity: Severity,
    /// The highest severity that anybody was told.
    pub notified_severity: Option<Severity>,
    /// `Firing` or `Resolved`.
    pub status: SignalStatus,
    /// Since when.
    pub opened_at: Timestamp,
    /// How many signals spoke of it.
    pub signal_count: i64,
    /// Until when it waits for others of its group.
    pub gathers_until: Option<Timestamp>,
    /// What mutes it.
    pub muted: Option<MutedBy>,
    /// Who looks after it, since when and until when.
    pub acknowledged: Option<(String, Timestamp, Option<Timestamp>)>,
}

/// What mutes an alert.
#[derive(Clone, Debug)]
pub struct MutedBy {
    /// Why.
    pub why: Mute,
    /// Since when.
    pub since: Timestamp,
    /// Until when, where that is known.
    pub until: Option<Timestamp>,
    /// The silence or the alert that mutes it.
    pub by: Option<String>,
    /// In words.
    pub because: Option<String>,
    /// When the silence was ended early, or the alert that mutes it was over.
    pub ended_at: Option<Timestamp>,
}

/// Why some signals were suppressed.
#[derive(Clone, Debug)]
pub struct Suppression {
    /// The word in the column `signals.reason`.
    pub reason: String,
    /// What it refers to: a silence, an alert.
    pub by: Option<String>,
    /// Of a silence: who made it, and why.
    pub silence: Option<(String, String)>,
    /// Until when, where that is known.
    pub until: Option<Timestamp>,
    /// When the silence was ended early, or the alert that it refers to was over.
    pub ended_at: Option<Timestamp>,
    /// Of an alert that it refers to: whether anybody was told of that one.
    pub other_told: bool,
    /// How many signals.
    pub signals: i64,
    /// When the last of them was received.
    pub last_at: Timestamp,
}

/// A delivery that nobody has accepted.
#[derive(Clone, Debug)]
pub struct Telling {
    /// Whom.
    pub receiver: String,
    /// Why, as in the column `deliveries.notice`.
    pub notice: String,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// Why it is held, and until when.
    pub held: Option<(HeldBecause, Option<Timestamp>)>,
    /// Whether it was too old to be sent when the database was restored.
    pub restored: bool,
    /// When it is due; `None`: when another was accepted.
    pub due_at: Option<Timestamp>,
    /// How often it was tried.
    pub attempts: i32,
    /// What came of the last try: the outcome and what went wrong.
    pub last: Option<(String, Option<String>)>,
    /// Until when its receiver asked to be left alone.
    pub paused_until: Option<Timestamp>,
    /// Who was told instead.
    pub fallback: Vec<String>,
}

/// Everything about an alert or a signal, by id or by the signal's idempotency key; `None` where nothing is of that id. Of
/// signals, deliveries and attempts the last `limit` each.
///
/// # Errors
/// A statement's failure, or [`Error::Timeout`] after `patience`.
pub async fn read(client: &Client, id: &str, limit: i64, patience: Duration) -> Result<Option<Life>, Error> {
    let uuid: Option<Uuid> = id.parse().ok();
    let mut flush = Flush::new(patience);
    flush.add(FIND.run(client, &[&uuid, &id]));
    let [found] = flush.answers(FIND.name).await?;
    let Some(found) = found.first() else { return Ok(None) };
    let (signal_id, alert_id): (Option<Uuid>, Option<Uuid>) = (column(found, "signal_id")?, column(found, "alert_id")?);
    let mut flush = Flush::new(patience);
    flush.add(READ_LIFE.run(client, &[&alert_id, &signal_id, &limit]));
    flush.add(READ_ALERT.run(client, &[&alert_id]));
    flush.add(READ_SUPPRESSIONS.run(client, &[&alert_id, &signal_id]));
    flush.add(READ_TELLING.run(client, &[&alert_id]));
    let [events, alert, suppressions, telling] = flush.answers(READ_LIFE.name).await?;
    let event = |row: &Row| column(row, "event").map(|Json(event): Json<Value>| event);
    Ok(Some(Life {
        alert_id,
        signal_id,
        events: events.iter().map(event).collect::<Result<_, _>>()?,
        alert: alert.first().map(standing).transpose()?,
        suppressions: suppressions.iter().map(suppression).collect::<Result<_, _>>()?,
        telling: telling.iter().map(delivery).collect::<Result<_, _>>()?,
    }))
}

fn standing(row: &Row) -> Result<Standing, Error> {
    let muted = match (optional_word(row, "muted_reason", Mute::from_stored)?, column(row, "muted_since")?) {
        (Some(why), Some(since)) => Some(MutedBy {
            why,
            since,
            until: column(row, "muted_until")?,
            by: column(row, "muted_by")?,
            because: column(row, "muted_because")?,
            ended_at: column(row, "ended_at")?,
        }),
        _ => None,
    };
    let (by, at): (Option<String>, Option<Timestamp>) =
        (column(row, "acknowledged_by")?, column(row, "acknowledged_at")?);
    let until: Option<Timestamp> = column(row, "acknowledged_until")?;
    Ok(Standing {
        severity: word(row, "severity", |text| text.parse().ok())?,
        notified_severity: optional_word(row, "notified_severity", |text| text.parse().ok())?,
        status: word(row, "status", SignalStatus::from_stored)?,
        opened_at: column(row, "opened_at")?,
        signal_count: column(row, "signal_count")?,
        gathers_until: column(row, "group_until")?,
        muted,
        acknowledged: by.zip(at).map(|(by, at)| (by, at, until)),
    })
}

fn suppression(row: &Row) -> Result<Suppression, Error> {
    let author: Option<String> = column(row, "author")?;
    Ok(Suppression {
        reason: column(row, "reason")?,
        by: column(row, "reason_ref")?,
        silence: author.zip(column(row, "silence_reason")?),
        until: column(row, "until")?,
        ended_at: column(row, "ended_at")?,
        other_told: column(row, "other_told")?,
        signals: column(row, "signals")?,
        last_at: column(row, "last_at")?,
    })
}

fn delivery(row: &Row) -> Result<Telling, Error> {
    let held = optional_word(row, "held_because", HeldBecause::from_stored)?;
    let held_until: Option<Timestamp> = column(row, "held_until")?;
    let outcome: Option<String> = column(row, "outcome")?;
    let error: Option<String> = column(row, "error")?;
    Ok(Telling {
        receiver: column(row, "receiver")?,
        notice: column(row, "notice")?,
        status: word(row, "status", DeliveryStatus::from_stored)?,
        held: held.map(|because| (because, held_until)),
        restored: column(row, "restored")?,
        due_at: column(row, "due_at")?,
        attempts: column(row, "attempts")?,
        last: outcome.map(|outcome| (outcome, error)),
        paused_until: column(row, "paused_until")?,
        fallback: column(row, "fallback")?,
    })
}
