//! From rows to domain types, by named column.

use std::collections::BTreeMap;

use domain::alert::{Acknowledged, Alert, Gathering, Mute, Muted, News, SourceState};
use domain::delivery::{Delivery, DeliveryStatus, Held, HeldBecause};
use domain::fingerprint::{Fingerprint, Labels};
use domain::notification::Notice;
use domain::policy::Integration;
use domain::signal::SignalStatus;
use domain::{Severity, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Json};

use crate::Error;

/// A column of a row, whose type the statement fixes.
pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &'static str) -> Result<T, Error> {
    row.try_get(name).map_err(|source| Error::Statement { statement: name, source })
}

/// A column that holds one of our words.
pub(crate) fn word<T>(row: &Row, name: &'static str, read: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
    let text: &str = column(row, name)?;
    read(text).ok_or_else(|| Error::UnexpectedValue { column: name, value: text.to_owned() })
}

/// The same, of a column that may be null.
pub(crate) fn optional_word<T>(
    row: &Row,
    name: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Error> {
    let text: Option<&str> = column(row, name)?;
    let unexpected = |text: &str| Error::UnexpectedValue { column: name, value: text.to_owned() };
    text.map(|text| read(text).ok_or_else(|| unexpected(text))).transpose()
}

fn severity(row: &Row, name: &'static str) -> Result<Severity, Error> {
    word(row, name, |text| text.parse().ok())
}

/// A row of `alert_sources`: whose, and what it says.
pub(crate) fn source(row: &Row) -> Result<((Fingerprint, String), SourceState), Error> {
    let key = (Fingerprint::from_stored(column(row, "fingerprint")?), column(row, "source")?);
    let state = SourceState {
        status: word(row, "status", SignalStatus::from_stored)?,
        severity: severity(row, "severity")?,
        changed_at: column(row, "changed_at")?,
    };
    Ok((key, state))
}

/// A row of `alerts` that is open, without its deliveries.
pub(crate) fn open_alert(row: &Row) -> Result<Alert, Error> {
    let Json(labels): Json<Labels> = column(row, "labels")?;
    let opened_at = column(row, "opened_at")?;
    Ok(Alert {
        id: column(row, "alert_id")?,
        fingerprint: Fingerprint::from_stored(column(row, "fingerprint")?),
        kind: column(row, "kind")?,
        subject: column(row, "subject")?,
        environment: column(row, "environment")?,
        labels,
        severity: severity(row, "severity")?,
        notified_severity: optional_word(row, "notified_severity", |text| text.parse().ok())?,
        news: News {
            source: column(row, "source")?,
            summary: column(row, "summary")?,
            occurred_at: column::<Option<Timestamp>>(row, "occurred_at")?.unwrap_or(opened_at),
            runbook: column(row, "runbook")?,
        },
        muted: muted(row)?,
        acknowledged: acknowledged(row)?,
        gathering: gathering(row)?,
        opened_at,
        last_signal_at: column(row, "last_signal_at")?,
        signal_count: column(row, "signal_count")?,
        event_key: column(row, "event_key")?,
        closed: None,
        deliveries: Vec::new(),
    })
}

fn muted(row: &Row) -> Result<Option<Muted>, Error> {
    let (Some(why), Some(since)) =
        (optional_word(row, "muted_reason", Mute::from_stored)?, column::<Option<Timestamp>>(row, "muted_since")?)
    else {
        return Ok(None);
    };
    let by: Option<&str> = column(row, "muted_by")?;
    let because = column::<Option<String>>(row, "muted_because")?.unwrap_or_default();
    Ok(Some(Muted { why, since, until: column(row, "muted_until")?, by: by.and_then(|id| id.parse().ok()), because }))
}

fn acknowledged(row: &Row) -> Result<Option<Acknowledged>, Error> {
    let by: Option<String> = column(row, "acknowledged_by")?;
    let until = column(row, "acknowledged_until")?;
    Ok(by.map(|by| Acknowledged { by, until }))
}

fn gathering(row: &Row) -> Result<Option<Gathering>, Error> {
    let (key, until): (Option<String>, Option<Timestamp>) = (column(row, "group_key")?, column(row, "group_until")?);
    Ok(key.zip(until).map(|(key, until)| Gathering { key, until }))
}

/// A row of `deliveries` of an open alert.
pub(crate) fn delivery(row: &Row) -> Result<Delivery, Error> {
    Ok(Delivery {
        receiver: column(row, "receiver")?,
        integration: word(row, "integration", Integration::from_stored)?,
        notice: word(row, "notice", Notice::from_stored)?,
        sequence: column(row, "sequence")?,
        dedup_key: column(row, "dedup_key")?,
        status: word(row, "status", DeliveryStatus::from_stored)?,
        waits_for: column(row, "waits_for")?,
        held: held(row)?,
        not_before: column(row, "not_before")?,
        fallback: column(row, "fallback")?,
        created_at: Some(column(row, "created_at")?),
        sent_at: column(row, "sent_at")?,
        notification: None,
    })
}

fn held(row: &Row) -> Result<Option<Held>, Error> {
    let because = optional_word(row, "held_because", HeldBecause::from_stored)?;
    let until = column(row, "held_until")?;
    Ok(because.map(|because| Held { because, until }))
}

/// Gives each alert its deliveries, which come in order of creation.
pub(crate) fn joined(alerts: &[Row], deliveries: &[Row]) -> Result<BTreeMap<Fingerprint, Alert>, Error> {
    let mut open: BTreeMap<Fingerprint, Alert> = BTreeMap::new();
    for row in alerts {
        let alert = open_alert(row)?;
        open.insert(alert.fingerprint.clone(), alert);
    }
    for row in deliveries {
        if let Some(alert) = open.get_mut(&Fingerprint::from_stored(column(row, "fingerprint")?)) {
            alert.deliveries.push(delivery(row)?);
        }
    }
    Ok(open)
}
