//! Who was told while the store was gone: their deliveries are sent, and what came of each try is on record.

use domain::Timestamp;
use domain::gone::Marked;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::statements::Statement;

pub(crate) const STATEMENTS: &[&Statement] = &[&RECORD];

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
    ],
};

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
