//! CloudWatch's alarms that fire, says the record: what `reconcile` compares with what CloudWatch says.

use domain::fingerprint::Labels;
use domain::reconcile::FiringSource;
use tokio_postgres::Client;
use tokio_postgres::types::{Json, Type};

use crate::Error;
use crate::rows::{column, word};
use crate::statements::Statement;

pub(crate) const STATEMENTS: &[&Statement] = &[&READ_FIRING];

static READ_FIRING: Statement = Statement {
    name: "reading alarms that fire",
    sql: "select source.source, source.changed_at,
                 alert.kind, alert.subject, alert.environment, alert.severity, alert.labels
          from watchkeeper.alert_sources as source
          join watchkeeper.alerts as alert on alert.fingerprint = source.fingerprint and alert.status = 'firing'
          where source.status = 'firing' and starts_with(source.source, $1)
          order by source.source, alert.alert_id",
    types: &[Type::TEXT],
};

/// The sources whose names begin with `prefix` and that keep an alert open.
///
/// # Errors
/// The statement's failure.
pub async fn list_firing(client: &Client, prefix: &str) -> Result<Vec<FiringSource>, Error> {
    let rows = READ_FIRING.run(client, &[&prefix]).await?;
    rows.iter()
        .map(|row| {
            let Json(labels): Json<Labels> = column(row, "labels")?;
            Ok(FiringSource {
                source: column(row, "source")?,
                changed_at: column(row, "changed_at")?,
                kind: column(row, "kind")?,
                subject: column(row, "subject")?,
                environment: column(row, "environment")?,
                severity: word(row, "severity", |text| text.parse().ok())?,
                labels,
            })
        })
        .collect()
}
