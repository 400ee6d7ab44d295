//! Silences: windows in which what matches is not told.

use std::collections::BTreeMap;

use domain::Severity;
use domain::policy::Matcher;
use domain::silence::Silence;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tokio_postgres::types::Json;

use crate::Error;
use crate::rows::column;

/// The column `silences.matchers`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Matchers {
    severity: Vec<Severity>,
    kind: Vec<String>,
    subject: Vec<String>,
    environment: Vec<String>,
    labels: BTreeMap<String, Vec<String>>,
}

/// A row of `silences`.
pub(crate) fn from_row(row: &Row) -> Result<Silence, Error> {
    let Json(Matchers { severity, kind, subject, environment, labels }) = column(row, "matchers")?;
    Ok(Silence {
        id: column(row, "silence_id")?,
        matchers: Matcher { severity, kind, subject, environment, labels },
        from: column(row, "from_at")?,
        until: column(row, "until_at")?,
        author: column(row, "author")?,
        reason: column(row, "reason")?,
    })
}
