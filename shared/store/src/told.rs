//! Who was told while the store was gone: their deliveries are sent, and what came of each try is on record.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;

use domain::gone::{Marked, Told};
use domain::policy::Integration;
use domain::{Fingerprint, Timestamp};
use tokio_postgres::Client;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::Error;
use crate::rows::column;
use crate::statements::{Flush, Statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&RECORD, &LIST, &LIST_ENDED];

static LIST: Statement = Statement {
    name: "looking who is on record as told",
    sql: include_str!("sql/list_told.sql"),
    types: &[Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::BOOL_ARRAY, Type::TIMESTAMPTZ_ARRAY],
};

static LIST_ENDED: Statement = Statement {
    name: "looking for ends that were recorded since",
    sql: include_str!("sql/list_ended_since.sql"),
    types: &[Type::TEXT_ARRAY, Type::TIMESTAMPTZ],
};

/// When the last end of each condition was recorded by an earlier transaction, where that was after the first of these tries
/// that began something, less `skew`: whoever received that end may have passed it on since.
///
/// # Errors
/// The statement's failure, or [`Error::Timeout`] after `patience`.
pub async fn list_ended_since(
    client: &Client,
    told: &[Told],
    skew: SignedDuration,
    patience: Duration,
) -> Result<Vec<(Fingerprint, Timestamp)>, Error> {
    let begun = || told.iter().filter(|told| told.notice.triggers());
    let Some(since) = begun().map(|told| told.at).min() else { return Ok(Vec::new()) };
    let since = since.saturating_sub(skew).unwrap_or(since);
    let fingerprints: Vec<&str> = begun().map(|told| told.fingerprint.as_str()).collect();
    let mut flush = Flush::new(patience);
    flush.add(LIST_ENDED.run(client, &[&fingerprints, &since]));
    let [rows] = flush.answers(LIST_ENDED.name).await?;
    let ended = |row| Ok((Fingerprint::from_stored(column(row, "fingerprint")?), column(row, "ended_at")?));
    rows.iter().map(ended).collect()
}

/// Splits tries into those that are on record and those that are not: every message about a condition carries the same
/// note, and they are recorded one after another. Under the locks of the fingerprints, so that it stays so.
///
/// # Errors
/// The statement's failure, or [`Error::Timeout`] after `patience`.
pub async fn split(client: &Client, told: Vec<Told>, patience: Duration) -> Result<(Vec<Told>, Vec<Told>), Error> {
    let fingerprint: Vec<&str> = told.iter().map(|told| told.fingerprint.as_str()).collect();
    let receiver: Vec<&str> = told.iter().map(|told| told.receiver.as_str()).collect();
    let severity: Vec<&str> = told.iter().map(|told| told.dedup_key.split(':').nth(1).unwrap_or_default()).collect();
    let triggers: Vec<bool> = told.iter().map(|told| told.notice.triggers()).collect();
    let at: Vec<Timestamp> = told.iter().map(|told| told.at).collect();
    let mut flush = Flush::new(patience);
    flush.add(LIST.run(client, &[&fingerprint, &receiver, &severity, &triggers, &at]));
    let [rows] = flush.answers(LIST.name).await?;
    let known: BTreeSet<i32> = rows.iter().map(|row| column(row, "n")).collect::<Result<_, _>>()?;
    let (known, new): (Vec<_>, Vec<_>) = (1..).zip(told).partition(|(n, _)| known.contains(n));
    let without_number = |numbered: Vec<(i32, Told)>| numbered.into_iter().map(|(_, told)| told).collect();
    Ok((without_number(known), without_number(new)))
}

/// Runs in the transaction that writes the deliveries, after them.
pub(crate) static RECORD: Statement = Statement {
    name: "recording who was told",
    sql: include_str!("sql/record_told.sql"),
    types: &[
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT4_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::BOOL_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

/// Integrations where a key opens and closes an incident.
pub(crate) fn keeping_incidents() -> Vec<&'static str> {
    Integration::ALL.into_iter().filter(|integration| integration.keeps_incidents()).map(Integration::as_str).collect()
}

/// Tries as columns, as `unnest` wants them.
#[derive(Default)]
pub(crate) struct Columns<'a> {
    pub(crate) alert_id: Vec<Uuid>,
    pub(crate) receiver: Vec<&'a str>,
    pub(crate) sequence: Vec<i32>,
    pub(crate) outcome: Vec<&'static str>,
    pub(crate) provider_id: Vec<Option<&'a str>>,
    pub(crate) at: Vec<Timestamp>,
    pub(crate) settles: Vec<bool>,
}

impl<'a> Columns<'a> {
    pub(crate) fn of(told: &'a [Marked]) -> Self {
        let mut columns = Self::default();
        for marked in told {
            columns.alert_id.push(marked.alert_id);
            columns.receiver.push(&marked.receiver);
            columns.sequence.push(marked.sequence);
            columns.outcome.push(marked.outcome.as_str());
            columns.provider_id.push(marked.provider_id.as_deref());
            columns.at.push(marked.at);
            columns.settles.push(marked.settles);
        }
        columns
    }
}
