//! Reads what the router wrote down, for the demo and the tests: why somebody was told, or not.

use anyhow::{Context, Result};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, types::Type};

/// A connection to the record.
pub struct Record {
    client: Client,
}

/// One signal and what was decided about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Who says so: an alarm's ARN, `check:NAME`, …
    pub source: String,
    /// `firing`, `resolved`, `event` or `none`.
    pub status: String,
    /// `CRITICAL` to `LOW`.
    pub severity: String,
    /// `opened`, `updated`, `resolved`, `suppressed`; none between being recorded and being decided.
    pub decision: Option<String>,
    /// Why it was suppressed.
    pub reason: Option<String>,
}

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Its id.
    pub id: String,
    /// What provider keys begin with.
    pub fingerprint: String,
    /// `firing` or `resolved`.
    pub status: String,
    /// `CRITICAL` to `LOW`.
    pub severity: String,
}

/// How a heartbeat stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beating {
    /// `new`, `up`, `late`, `down` or `paused`.
    pub status: String,
    /// Whether it ever succeeded.
    pub has_succeeded: bool,
}

impl Record {
    /// Connects.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open(database_url: &str) -> Result<Self> {
        let (client, connection) =
            tokio_postgres::connect(database_url, NoTls).await.context("connecting to the record")?;
        tokio::spawn(connection);
        Ok(Self { client })
    }

    /// Everything recorded about one subject, in order of arrival.
    ///
    /// # Errors
    /// When the query fails.
    pub async fn signals(&self, subject: &str) -> Result<Vec<Decided>> {
        let statement = "select source, status, severity, decision, reason from watchkeeper.signals \
                         where subject = $1 order by received_at, signal_id";
        let rows = self.client.query_typed(statement, &[(&subject, Type::TEXT)]).await.context("reading signals")?;
        let decided = rows.iter().map(|row| {
            Ok(Decided {
                source: row.try_get("source")?,
                status: row.try_get("status")?,
                severity: row.try_get("severity")?,
                decision: row.try_get("decision")?,
                reason: row.try_get("reason")?,
            })
        });
        decided.collect::<Result<_, tokio_postgres::Error>>().context("reading a signal")
    }

    /// The alerts of one subject, oldest first.
    ///
    /// # Errors
    /// When the query fails.
    pub async fn alerts(&self, subject: &str) -> Result<Vec<Alert>> {
        let statement = "select alert_id::text, fingerprint, status, severity from watchkeeper.alerts \
                         where subject = $1 order by opened_at";
        let rows = self.client.query_typed(statement, &[(&subject, Type::TEXT)]).await.context("reading alerts")?;
        let alerts = rows.iter().map(|row| {
            Ok(Alert {
                id: row.try_get("alert_id")?,
                fingerprint: row.try_get("fingerprint")?,
                status: row.try_get("status")?,
                severity: row.try_get("severity")?,
            })
        });
        alerts.collect::<Result<_, tokio_postgres::Error>>().context("reading an alert")
    }

    /// What one alert's people were told, as `receiver notice status tries`, in the order in which it was decided.
    ///
    /// # Errors
    /// When the query fails.
    pub async fn deliveries(&self, alert: &Alert) -> Result<Vec<String>> {
        let statement = "select concat_ws(' ', receiver, notice, status, (
                             select count(*) from watchkeeper.delivery_attempts
                             where delivery_attempts.delivery_id = deliveries.delivery_id))
                         from watchkeeper.deliveries where alert_id = $1::text::uuid order by position, receiver";
        let rows =
            self.client.query_typed(statement, &[(&alert.id, Type::TEXT)]).await.context("reading deliveries")?;
        rows.iter().map(|row| row.try_get(0).context("reading a delivery")).collect()
    }

    /// How a heartbeat stands; nothing where it was never evaluated.
    ///
    /// # Errors
    /// When the query fails.
    pub async fn heartbeat(&self, name: &str) -> Result<Option<Beating>> {
        let statement = "select status, last_success_at is not null as has_succeeded \
                         from watchkeeper.heartbeats where name = $1";
        let rows = self.client.query_typed(statement, &[(&name, Type::TEXT)]).await.context("reading a heartbeat")?;
        let beating = rows.first().map(|row| {
            let has_succeeded = row.try_get("has_succeeded")?;
            Ok::<_, tokio_postgres::Error>(Beating { status: row.try_get("status")?, has_succeeded })
        });
        beating.transpose().context("reading a heartbeat")
    }

    /// How many runs of a source stand so.
    ///
    /// # Errors
    /// When the query fails.
    pub async fn runs(&self, source: &str, status: &str) -> Result<usize> {
        let statement = "select count(*) as count from watchkeeper.forecast_runs where source = $1 and status = $2";
        let rows = self.client.query_typed(statement, &[(&source, Type::TEXT), (&status, Type::TEXT)]).await;
        let rows = rows.context("counting runs")?;
        let count: i64 = rows.first().context("no count")?.try_get("count").context("reading a count")?;
        usize::try_from(count).context("a count below zero")
    }

    /// Statements that a person says.
    ///
    /// # Errors
    /// When one fails.
    pub async fn say(&self, statements: &str) -> Result<()> {
        self.client.batch_execute(statements).await.with_context(|| statements.to_owned())
    }

    /// What a statement of one row and one column answers, as text; empty where that is null.
    ///
    /// # Errors
    /// When it fails, or answers no row.
    pub async fn value(&self, statement: &str) -> Result<String> {
        let messages = self.client.simple_query(statement).await.with_context(|| statement.to_owned())?;
        let row = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        });
        row.with_context(|| format!("no row: {statement}"))
    }

    /// The last notification of an alarm about a subject.
    ///
    /// # Errors
    /// When there is none.
    pub async fn last_body(&self, subject: &str) -> Result<String> {
        let statement = "select body from watchkeeper.signals where subject = $1 and status = 'firing' and source like 'arn:%' \
                         order by received_at desc limit 1";
        let rows = self.client.query_typed(statement, &[(&subject, Type::TEXT)]).await.context("reading a body")?;
        let row = rows.first().with_context(|| format!("nothing is recorded about {subject}"))?;
        row.try_get("body").context("reading a signal's body")
    }
}

impl Decided {
    /// Whether it was suppressed for this reason.
    #[must_use]
    pub fn suppressed_as(&self, reason: &str) -> bool {
        self.decision.as_deref() == Some("suppressed") && self.reason.as_deref() == Some(reason)
    }
}
