//! What the measured functions meet: Postgres, SSM and SQS of the emulator, a receiver, and the environment of each.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_sdk_ssm::types::ParameterType;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::binaries::binary;
use testkit::emulator::{ACCOUNT, Access, Emulator, REGION};
use testkit::postgres::Postgres;
use testkit::receivers::Receivers;
use testkit::runtime_api::{Options, Sandbox};
use testkit::tools::ToolSet;

const PEER: ToolSet = ToolSet::new("bench-peer", include_str!("../peer/requirements.txt"));
const SSM_PATH: &str = "/local/watchkeeper";
/// The bucket of the archive.
pub(crate) const ARCHIVE: &str = "archive";
/// Where Debian and its relatives keep the authorities that the system trusts.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// One receiver, so that every alert is one request.
const WATCH_FILE: &str = r#"
namespace = "Bench"

[database.pipeline]
url = "ssm:database/pipeline_url"

[check.telemetry]
database = "pipeline"
sql = "select 1::float8 as lag"
[check.telemetry.metric.lag]
name = "TelemetryLag"
unit = "Seconds"
above = 180
severity = "HIGH"

[retention.signals]
database = "watchkeeper"
table = "signals"
keep = "30d"
archive = "watchkeeper/"

[receiver.on-call]
pagerduty = { routing_key = "ssm:receivers/pagerduty", url = "ssm:receivers/pagerduty_url" }

[routes]
default = ["on-call"]
"#;

/// A function under measurement.
pub(crate) struct Subject {
    /// Package and binary.
    pub(crate) function: &'static str,
    /// What boto3 calls the clients that it makes.
    pub(crate) clients: &'static str,
    /// A payload that reads everything and changes nothing.
    pub(crate) dry_run: Value,
}

/// The functions there are.
pub(crate) fn subjects() -> [Subject; 6] {
    [
        Subject {
            function: "alert-router",
            clients: "ssm,sqs,sns",
            dry_run: json!({"tick": "retry", "dry_run": true}),
        },
        Subject {
            function: "healthcheck",
            clients: "ssm,sqs,sns,lambda,cloudwatch",
            dry_run: json!({"dry_run": true}),
        },
        Subject { function: "deadman", clients: "ssm,sqs,sns,s3,lambda,cloudwatch", dry_run: json!({"dry_run": true}) },
        Subject { function: "data-poller", clients: "ssm,sqs,s3,lambda,cloudwatch", dry_run: json!({"dry_run": true}) },
        Subject { function: "archiver", clients: "ssm,sqs,s3,cloudwatch", dry_run: json!({"task": "plan"}) },
        Subject { function: "migrator", clients: "ssm", dry_run: json!({}) },
    ]
}

/// Everything that runs beside the functions; dropping it ends it all.
pub(crate) struct World {
    pub(crate) receivers: Receivers,
    pub(crate) directory: TempDir,
    pub(crate) database_url: String,
    pub(crate) python: PathBuf,
    pub(crate) queue_url: String,
    held_queue_url: String,
    access: Access,
    aws: SdkConfig,
    _emulator: Emulator,
    pub(crate) postgres: Postgres,
}

impl World {
    /// Builds the functions, starts everything else and migrates the database with the real migrator.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        // First, since it may take minutes in which nothing else has to run.
        binary("migrator")?;
        let directory = tempfile::tempdir().context("making a folder for the run")?;
        let postgres = Postgres::start()?;
        let database_url = postgres.create_database("bench")?;
        let log = directory.path().join("emulator.log");
        let emulator = Emulator::start(&directory.path().join("emulator"), &log, &[])?;
        let access = emulator.access(ACCOUNT);
        let credentials = aws_sdk_ssm::config::Credentials::new(&access.account, "test", None, None, "bench");
        let aws = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(&access.endpoint)
            .credentials_provider(credentials)
            .load()
            .await;
        let receivers = Receivers::start().await?;
        let sqs = aws_sdk_sqs::Client::new(&aws);
        let queue = async |name: &str| {
            let made = sqs.create_queue().queue_name(name).send().await.context("making a queue")?;
            made.queue_url.context("the queue has no URL")
        };
        let (queue_url, held_queue_url) = (queue("alerts").await?, queue("alerts-held").await?);
        let python = PEER.install()?.program("python");
        let world = Self {
            receivers,
            directory,
            database_url,
            python,
            queue_url,
            held_queue_url,
            access,
            aws,
            _emulator: emulator,
            postgres,
        };
        world.put_parameters().await?;
        std::fs::write(world.watch_file(), WATCH_FILE).context("writing the watch file")?;
        world.migrate().await?;
        Ok(world)
    }

    /// A fresh process of a function.
    pub(crate) async fn sandbox(&self, subject: &Subject) -> anyhow::Result<Sandbox> {
        Sandbox::start(&binary(subject.function)?, self.environment(), Options::default()).await
    }

    /// A fresh process that reads a watch file of its own.
    pub(crate) async fn sandbox_watching(&self, subject: &Subject, watch_file: &str) -> anyhow::Result<Sandbox> {
        let environment = self.environment_watching(watch_file)?;
        Sandbox::start(&binary(subject.function)?, environment, Options::default()).await
    }

    /// The same, and its queues are somewhere else than in the emulator.
    pub(crate) async fn sandbox_with_queues(
        &self,
        subject: &Subject,
        watch_file: &str,
        queues: &str,
    ) -> anyhow::Result<Sandbox> {
        let mut environment = self.environment_watching(watch_file)?;
        environment.retain(|(name, _)| *name != "AWS_ENDPOINT_URL");
        environment.push(("AWS_ENDPOINT_URL", queues.to_owned()));
        for service in ["AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL_CLOUDWATCH"] {
            environment.push((service, self.access.endpoint.clone()));
        }
        Sandbox::start(&binary(subject.function)?, environment, Options::default()).await
    }

    /// The same, its archive is somewhere else than in the emulator, and it has a quarter of an hour.
    pub(crate) async fn sandbox_archiving(
        &self,
        subject: &Subject,
        watch_file: &str,
        s3: &str,
    ) -> anyhow::Result<Sandbox> {
        let mut environment = self.environment_watching(watch_file)?;
        environment.push(("AWS_ENDPOINT_URL_S3", s3.to_owned()));
        let options = Options { timeout: Duration::from_mins(15), ..Options::default() };
        Sandbox::start(&binary(subject.function)?, environment, options).await
    }

    /// A fresh process of its peer.
    pub(crate) async fn peer(&self, subject: &Subject) -> anyhow::Result<Sandbox> {
        let program = testkit::binaries::workspace().join("bench/peer/function.py");
        let mut environment = self.environment();
        environment.push(("CLIENTS", subject.clients.to_owned()));
        environment.push(("SSM_PATH", SSM_PATH.to_owned()));
        let arguments = vec![program.to_string_lossy().into_owned()];
        let options = Options { name: Some(subject.function.to_owned()), arguments, ..Options::default() };
        Sandbox::start(&self.python, environment, options).await
    }

    /// A client of the emulator's SQS.
    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.aws)
    }

    /// A client of the emulator's CloudWatch.
    pub(crate) fn cloudwatch(&self) -> aws_sdk_cloudwatch::Client {
        aws_sdk_cloudwatch::Client::new(&self.aws)
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = self.access.variables();
        environment.extend([
            ("ENVIRONMENT", "local".to_owned()),
            ("ALERTS_QUEUE_URL", self.queue_url.clone()),
            ("ALERTS_HELD_QUEUE_URL", self.held_queue_url.clone()),
            ("PAGES_TOPIC_ARN", format!("arn:aws:sns:{REGION}:{ACCOUNT}:pages")),
            ("SELF_TOPIC_ARN", format!("arn:aws:sns:{REGION}:{ACCOUNT}:self")),
            ("ALARMS_TOPIC_ARN", format!("arn:aws:sns:{REGION}:{ACCOUNT}:alarms")),
            ("ARCHIVE_BUCKET", ARCHIVE.to_owned()),
            ("ARCHIVE_STORAGE_CLASS", "GLACIER_IR".to_owned()),
            ("WATCH_FILE", self.watch_file().to_string_lossy().into_owned()),
        ]);
        // As template.yaml does on Lambda: one file of authorities instead of the folder they were made from.
        if Path::new(AUTHORITIES).is_file() {
            environment.push(("SSL_CERT_FILE", AUTHORITIES.to_owned()));
        }
        environment
    }

    fn environment_watching(&self, watch_file: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
        let path = self.directory.path().join("other.toml");
        std::fs::write(&path, watch_file).context("writing a watch file")?;
        let mut environment = self.environment();
        environment.retain(|(name, _)| *name != "WATCH_FILE");
        environment.push(("WATCH_FILE", path.to_string_lossy().into_owned()));
        Ok(environment)
    }

    fn watch_file(&self) -> PathBuf {
        self.directory.path().join("watch.toml")
    }

    /// A bucket in which nothing was published yet.
    pub(crate) async fn create_bucket(&self, name: &str) -> anyhow::Result<()> {
        let config = aws_sdk_s3::config::Builder::from(&self.aws).force_path_style(true).build();
        let region = BucketLocationConstraint::from(REGION);
        let place = CreateBucketConfiguration::builder().location_constraint(region).build();
        let making = aws_sdk_s3::Client::from_conf(config).create_bucket().bucket(name);
        making.create_bucket_configuration(place).send().await.with_context(|| format!("making the bucket {name}"))?;
        Ok(())
    }

    async fn put_parameters(&self) -> anyhow::Result<()> {
        let ssm = aws_sdk_ssm::Client::new(&self.aws);
        let parameters = [
            ("database/url", self.database_url.clone()),
            ("database/pipeline_url", self.database_url.clone()),
            ("receivers/pagerduty", "0123456789abcdef0123456789abcdef".to_owned()),
            ("receivers/pagerduty_url", self.receivers.pagerduty_url()),
        ];
        for (name, value) in parameters {
            let put = ssm.put_parameter().name(format!("{SSM_PATH}/{name}")).value(value);
            let put = put.r#type(ParameterType::SecureString).send().await;
            put.with_context(|| format!("putting the parameter {name}"))?;
        }
        Ok(())
    }

    /// Empties the record of heartbeats.
    pub(crate) async fn forget_heartbeats(&self) -> anyhow::Result<()> {
        let tables = "truncate watchkeeper.heartbeats, watchkeeper.heartbeat_slots, watchkeeper.heartbeat_transitions,
                          watchkeeper.leases, watchkeeper.signal_outbox";
        self.say(tables).await
    }

    /// Empties the record of cycles.
    pub(crate) async fn forget_runs(&self) -> anyhow::Result<()> {
        self.say("truncate watchkeeper.forecast_runs, watchkeeper.signal_outbox").await
    }

    /// So many cycles of a source, ten minutes apart up to an instant, are complete and announced.
    pub(crate) async fn complete_runs(&self, source: &str, until: &str, count: usize) -> anyhow::Result<()> {
        let rows = format!(
            "insert into watchkeeper.forecast_runs
                 (source, run_timestamp, status, attempts, triggered_at, finished_at, announced_at)
             select '{source}', at, 'complete', 1, at, at + interval '5 minutes', at + interval '6 minutes'
             from generate_series('{until}'::timestamptz - {count} * interval '10 minutes', '{until}', '10 minutes') as at;
             analyze watchkeeper.forecast_runs"
        );
        self.say(&rows).await
    }

    /// Runs statements, all in one transaction.
    pub(crate) async fn say(&self, statements: &str) -> anyhow::Result<()> {
        let (database, connection) = tokio_postgres::connect(&self.database_url, tokio_postgres::NoTls).await?;
        let driving = tokio::spawn(connection);
        database.batch_execute(statements).await.with_context(|| statements.to_owned())?;
        driving.abort();
        Ok(())
    }

    async fn migrate(&self) -> anyhow::Result<()> {
        let migrator = Sandbox::start(&binary("migrator")?, self.environment(), Options::default()).await?;
        let outcome = migrator.invoke(&json!({})).await?;
        outcome.answered().with_context(|| format!("migrating the database:\n{}", migrator.output()))?;
        Ok(())
    }
}
