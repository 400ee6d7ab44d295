//! Alerts as people ask for them: the newest first, a page at a time.

use domain::{Severity, Timestamp};
use serde_json::Value;
use tokio_postgres::Client;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use crate::Error;
use crate::rows::column;
use crate::statements::Statement;

pub(crate) const STATEMENTS: &[&Statement] = &[&LIST];

static LIST: Statement = Statement {
    name: "listing alerts",
    sql: include_str!("sql/list_alerts.sql"),
    types: &[Type::TEXT_ARRAY, Type::TIMESTAMPTZ, Type::TEXT, Type::BOOL, Type::TIMESTAMPTZ, Type::UUID, Type::INT8],
};

/// Which alerts; what is `None` or empty asks nothing.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Severities, any of which matches.
    pub severity: Vec<Severity>,
    /// Opened then or later.
    pub since: Option<Timestamp>,
    /// About this worker.
    pub worker_id: Option<String>,
    /// Only open ones that nobody looks after.
    pub unacknowledged: bool,
    /// After this one of the page before.
    pub after: Option<Uuid>,
}

/// Up to `limit` alerts as JSON, the newest first: ids are made in order of time, so a page never shifts.
///
/// # Errors
/// The statement's failure.
pub async fn list(client: &Client, query: &Query, limit: i64, now: Timestamp) -> Result<Vec<(Uuid, Value)>, Error> {
    let Query { severity, since, worker_id, unacknowledged, after } = query;
    let severity: Option<Vec<String>> =
        (!severity.is_empty()).then(|| severity.iter().map(Severity::to_string).collect());
    let rows = LIST.run(client, &[&severity, since, worker_id, unacknowledged, &now, after, &limit]).await?;
    let read = |row| {
        let Json(alert): Json<Value> = column(row, "alert")?;
        Ok((column(row, "alert_id")?, alert))
    };
    rows.iter().map(read).collect()
}
