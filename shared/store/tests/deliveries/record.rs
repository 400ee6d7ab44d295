//! A record with alerts and deliveries in it, and what a sender does with them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::delivery::{Next, Outcome};
use domain::policy::Integration;
use domain::rate::Rate;
use domain::{Fingerprint, Timestamp};
use jiff::ToSpan;
use serde_json::json;
use store::deliveries::{self, Finish, Finished, Known, Lease, Others, Tried};
use store::outbox::Outgoing;
use store::{Connection, migrations};
use testkit::postgres::Postgres;
use tokio_postgres::SimpleQueryMessage;
use uuid::Uuid;

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Far from any real clock: instants are arguments.
pub(crate) fn at(time: &str) -> Timestamp {
    format!("2026-03-01T{time}Z").parse().expect("an instant")
}

pub(crate) struct Record {
    pub(crate) url: String,
    pub(crate) connection: Connection,
}

/// One delivery to write: alert, receiver and how bad it is; the rest has defaults.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) subject: &'a str,
    /// What tells the alerts of one subject apart.
    pub(crate) alert: &'a str,
    pub(crate) receiver: &'a str,
    pub(crate) severity: &'a str,
    pub(crate) notice: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) status: &'a str,
    pub(crate) held: Option<(&'a str, Option<&'a str>)>,
    pub(crate) fallback: &'a [&'a str],
}

pub(crate) fn row<'a>(subject: &'a str, receiver: &'a str, severity: &'a str) -> Row<'a> {
    let (notice, kind, status) = ("firing", "k", "pending");
    Row { subject, alert: subject, receiver, severity, notice, kind, status, held: None, fallback: &[] }
}

pub(crate) fn known(receiver: &str, integration: Integration, per_minute: u32, burst: u32) -> Known {
    Known { receiver: receiver.to_owned(), integration, rate: Rate { per_minute, burst }, off: false }
}

/// Receivers that take whatever comes.
pub(crate) fn generous(receivers: &[&str]) -> Vec<Known> {
    receivers.iter().map(|name| known(name, Integration::Webhook, 60_000, 10_000)).collect()
}

impl Record {
    pub(crate) async fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        static MIGRATED: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
        MIGRATED
            .get_or_init(|| async {
                let url = Postgres::shared().create_database("template").expect("a database");
                let connection = Connection::open(&url.as_str().into(), None).await.expect("a connection");
                migrations::migrate(&connection.client, None).await.expect("migrated");
            })
            .await;
        let name = format!("record_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let url = Postgres::shared().clone_database("template", &name).expect("a database");
        let connection = Connection::open(&url.as_str().into(), None).await.expect("a connection");
        Self { url, connection }
    }

    pub(crate) async fn another(&self) -> Connection {
        Connection::open(&self.url.as_str().into(), None).await.expect("a connection")
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.connection.client.batch_execute(sql).await.expect(sql);
    }

    /// The rows of a query, each as one line.
    pub(crate) async fn lines(&self, sql: &str) -> Vec<String> {
        let answer = self.connection.client.simple_query(sql).await.expect(sql);
        let rows = answer.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.map(|row| (0..row.len()).map(|n| row.get(n).unwrap_or("-")).collect::<Vec<_>>().join(" ")).collect()
    }

    /// Writes rows, created at `created_at` and due at once; alerts of their subjects where there are none.
    pub(crate) async fn write(&self, created_at: Timestamp, rows: &[Row<'_>]) {
        let mut sql = String::from("begin;");
        for row in rows {
            let Row { subject, alert, receiver, severity, notice, kind, status, held, fallback } = row;
            let fingerprint = Fingerprint::of("prod", kind, subject, &Default::default());
            let alert = alert_id(alert);
            let key = format!("{fingerprint}:{severity}");
            let notification = json!({
                "notice": notice, "alert_id": alert, "fingerprint": fingerprint, "dedup_key": key, "severity": severity,
                "environment": "prod", "kind": kind, "subject": subject, "labels": {}, "summary": "s", "source": "t",
                "occurred_at": created_at, "opened_at": created_at,
            });
            let (because, until) = held.map_or(("null".to_owned(), None), |(why, until)| (format!("'{why}'"), until));
            let until = until.map_or("null".to_owned(), |until| format!("'{}'", at(until)));
            sql += &format!(
                "insert into watchkeeper.alerts (alert_id, fingerprint, kind, subject, environment, severity, labels,
                     status, opened_at, last_signal_at, signal_count)
                 values ('{alert}', '{fingerprint}', '{kind}', '{subject}', 'prod', '{severity}', '{{}}', 'firing',
                     '{created_at}', '{created_at}', 1)
                 on conflict do nothing;
                 insert into watchkeeper.deliveries (alert_id, fingerprint, receiver, integration, notice, sequence,
                     dedup_key, status, due_at, notification, held_because, held_until, fallback, created_at)
                 select '{alert}', '{fingerprint}', '{receiver}', 'webhook', '{notice}',
                     (select count(*) from watchkeeper.deliveries where alert_id = '{alert}' and receiver = '{receiver}'),
                     '{key}', '{status}', '{created_at}', '{notification}', {because}, {until}, '{{{}}}', '{created_at}';",
                fallback.join(",")
            );
        }
        self.run(&format!("{sql} commit;")).await;
    }

    pub(crate) async fn lease(&self, now: Timestamp, known: &[Known]) -> Vec<Lease> {
        lease_over(&self.connection, now, known).await
    }

    /// Records what came of a try.
    pub(crate) async fn finish(
        &self,
        lease: &Lease,
        now: Timestamp,
        outcome: Outcome,
        others: Others,
        known: &[Known],
    ) -> Finished {
        let next = match &outcome {
            Outcome::Accepted => Next::Sent,
            Outcome::Permanent => Next::Failed,
            _ => Next::RetryAt(now + 5.seconds()),
        };
        let paused_until = matches!(outcome, Outcome::RateLimited { .. }).then(|| now + 10.minutes());
        let unhealthy = (others == Others::GivenUp).then(|| "HTTP 404: gone".to_owned());
        let signal = (next == Next::Failed)
            .then(|| Outgoing { id: format!("failed/{}", lease.delivery_id), body: "{}".to_owned() });
        let latency = Duration::from_millis(3);
        let tried = Tried { at: now, outcome, http_status: None, provider_id: None, latency, error: None };
        let finish = Finish { next, others, paused_until, unhealthy, signal };
        deliveries::finish(&self.connection.client, lease, &tried, &finish, known, PATIENCE).await.expect("finished")
    }

    /// `subject receiver notice status` of all deliveries, in order of creation.
    pub(crate) async fn deliveries(&self) -> Vec<String> {
        self.lines(
            "select notification ->> 'subject', receiver, notice, status from watchkeeper.deliveries order by position",
        )
        .await
    }
}

/// The id of an alert.
fn alert_id(alert: &str) -> Uuid {
    let fingerprint = Fingerprint::of("prod", "alert", alert, &Default::default());
    Uuid::parse_str(&fingerprint.as_str()[..32]).expect("32 hexadecimal digits")
}

pub(crate) async fn lease_over(connection: &Connection, now: Timestamp, known: &[Known]) -> Vec<Lease> {
    deliveries::lease(&connection.client, now, now + 30.seconds(), 16, 8, known, PATIENCE).await.expect("leased")
}

/// `subject`s of leases.
pub(crate) fn subjects(leases: &[Lease]) -> Vec<&str> {
    leases.iter().map(|lease| lease.notification.subject.as_str()).collect()
}
