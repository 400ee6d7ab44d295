//! What the routers of a chaos run meet: a Postgres behind a breakable way, receivers that misbehave, AWS.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;
use testkit::binaries::binary;
use testkit::postgres::Postgres;
use testkit::proxy::Proxy;
use testkit::receivers::Receivers;
use testkit::runtime_api::{Options, Sandbox};
use tokio_postgres::SimpleQueryMessage;

use super::aws::Aws;
use super::dice::Dice;
use super::history::History;
use super::traffic::{DEADLY, PANICKING};

/// Pages wake somebody, what is worth knowing goes to a receiver that takes little, so that a storm is told in few requests.
const WATCH_FILE: &str = r#"
namespace = "Chaos"

[receiver.on-call]
pagerduty = { routing_key = "ssm:receivers/pagerduty", url = "ssm:receivers/pagerduty_url" }
rate = { per_minute = 6000, burst = 1000 }
[receiver.mail]
sns = { topic = "pages" }
rate = { per_minute = 6000, burst = 1000 }
[receiver.hook]
webhook = { url = "ssm:receivers/hook_url" }
rate = { per_minute = 6000, burst = 1000 }
[receiver.bulk]
webhook = { url = "ssm:receivers/bulk_url" }
rate = { per_minute = 600, burst = 5 }

[routes]
default = ["hook"]
[[routes.route]]
when = { severity = ["CRITICAL", "HIGH"] }
to = ["on-call", "mail"]
fallback = ["hook"]
[[routes.route]]
when = { severity = "LOW" }
to = ["bulk"]

[noise]
dedup_window = "1h"
digest_every = "1h"
"#;

/// An invocation may take so long: short, so that a Postgres that hangs does not cost the run its time.
pub(super) const TIMEOUT: Duration = Duration::from_secs(8);

/// Everything that is there during a run.
pub(super) struct World {
    pub(super) aws: Aws,
    pub(super) receivers: Receivers,
    pub(super) proxy: Proxy,
    pub(super) history: History,
    database_url: String,
    watch_file: NamedTempFile,
    /// Ends with the run.
    _postgres: Postgres,
}

impl World {
    pub(super) async fn start(dice: Dice) -> Result<Self> {
        let postgres = Postgres::start()?;
        let database_url = postgres.create_database("chaos")?;
        let connection = store::Connection::open(&database_url.as_str().into(), None).await?;
        store::migrations::migrate(&connection.client, None).await.context("migrating")?;
        let proxy = Proxy::strict(&format!("127.0.0.1:{}", postgres.port())).await?;
        let receivers = Receivers::start().await?;
        let aws = Aws::start(dice).await?;
        for (name, value) in [
            ("database/url", proxy.url(&database_url)?),
            ("receivers/pagerduty", "0123456789abcdef0123456789abcdef".to_owned()),
            ("receivers/pagerduty_url", receivers.pagerduty_url()),
            ("receivers/hook_url", receivers.hook_url()),
            ("receivers/bulk_url", format!("{}/bulk", receivers.hook_url())),
        ] {
            aws.cloud.put_parameter(name, value);
        }
        let mut watch_file = tempfile::Builder::new().suffix(".toml").tempfile().context("making the watch file")?;
        watch_file.write_all(WATCH_FILE.as_bytes()).context("writing the watch file")?;
        Ok(Self { aws, receivers, proxy, history: History::default(), database_url, watch_file, _postgres: postgres })
    }

    /// A router. It dies at the `dies_at`-th statement or send of each of its lives, if it has to.
    pub(super) async fn router(&self, dies_at: Option<usize>) -> Result<Sandbox> {
        let mut environment = vec![
            ("ENVIRONMENT", "local".to_owned()),
            ("AWS_ENDPOINT_URL", self.aws.endpoint().to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("ALERTS_QUEUE_URL", self.aws.queue_url("alerts")),
            ("ALERTS_HELD_QUEUE_URL", self.aws.queue_url("alerts-held")),
            ("PAGES_TOPIC_ARN", Aws::topic_arn("pages")),
            ("SELF_TOPIC_ARN", Aws::topic_arn("self")),
            ("ALARMS_TOPIC_ARN", Aws::topic_arn("alarms")),
            ("WATCH_FILE", self.watch_file.path().to_string_lossy().into_owned()),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
            ("AWS_LAMBDA_LOG_LEVEL", "WARN".to_owned()),
            ("FAILPOINT_HASTE", "1".to_owned()),
            ("FAILPOINT_ABORT_ON", DEADLY.to_owned()),
            ("FAILPOINT_PANIC_ON", PANICKING.to_owned()),
        ];
        environment.extend(dies_at.map(|at| ("FAILPOINT_ABORT_AT", at.to_string())));
        let options = Options { timeout: TIMEOUT, ..Options::default() };
        Sandbox::start(&binary("alert-router")?, environment, options).await
    }

    /// The rows that a query gives, as text; null is empty.
    pub(super) async fn rows(&self, sql: &str) -> Result<Vec<Vec<String>>> {
        let connection = store::Connection::open(&self.database_url.as_str().into(), None).await?;
        let answer = connection.client.simple_query(sql).await.with_context(|| sql.to_owned())?;
        let rows = answer.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        Ok(rows.map(|row| (0..row.len()).map(|n| row.get(n).unwrap_or_default().to_owned()).collect()).collect())
    }

    /// The count that a query gives.
    pub(super) async fn count(&self, sql: &str) -> Result<usize> {
        let rows = self.rows(sql).await?;
        let count = rows.first().and_then(|row| row.first()).and_then(|text| text.parse().ok());
        count.with_context(|| format!("no count from {sql}"))
    }
}
