//! Acknowledgements: that somebody looks after an alert, until when, and what they said.

use domain::Timestamp;
use tokio_postgres::Client;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::Error;
use crate::rows::column;
use crate::statements::Statement;

pub(crate) const STATEMENTS: &[&Statement] = &[&ACKNOWLEDGE];

static ACKNOWLEDGE: Statement = Statement {
    name: "acknowledging an alert",
    sql: include_str!("sql/acknowledge_alert.sql"),
    types: &[Type::UUID, Type::TIMESTAMPTZ, Type::TEXT, Type::TIMESTAMPTZ, Type::TEXT, Type::BOOL],
};

/// What somebody asks for who acknowledges an alert.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledgement<'a> {
    /// Which alert.
    pub alert_id: Uuid,
    /// Who looks after it.
    pub by: &'a str,
    /// When it counts as not acknowledged again.
    pub until: Timestamp,
    /// Whether `until` was asked for: the same person may move the end.
    pub until_asked: bool,
    /// What they said.
    pub note: Option<&'a str>,
}

/// Who looks after an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Who.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
    /// Until when; `None`: until it ends.
    pub until: Option<Timestamp>,
}

/// What came of an acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// It is on record.
    Won,
    /// Somebody, perhaps the same person, had acknowledged it; nothing changed.
    Before(Taken),
    /// The alert is over.
    Resolved {
        /// Since when.
        at: Timestamp,
    },
    /// There is none of this id.
    Unknown,
}

/// Acknowledges an open alert at `now`, unless somebody has.
///
/// # Errors
/// The statement's failure.
pub async fn acknowledge(client: &Client, asked: &Acknowledgement<'_>, now: Timestamp) -> Result<Acknowledged, Error> {
    let Acknowledgement { alert_id, by, until, until_asked, note } = asked;
    let rows = ACKNOWLEDGE.run(client, &[alert_id, &now, by, until, note, until_asked]).await?;
    let Some(row) = rows.first() else { return Ok(Acknowledged::Unknown) };
    if column(row, "won")? {
        return Ok(Acknowledged::Won);
    }
    if let Some(at) = column(row, "resolved_at")? {
        return Ok(Acknowledged::Resolved { at });
    }
    Ok(Acknowledged::Before(Taken {
        by: column::<Option<String>>(row, "acknowledged_by")?.unwrap_or_default(),
        at: column::<Option<Timestamp>>(row, "acknowledged_at")?.unwrap_or(now),
        until: column(row, "acknowledged_until")?,
    }))
}
