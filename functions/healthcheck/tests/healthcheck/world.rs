//! Everything a healthcheck under test meets, new for each test; the servers behind it are shared by all.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Datapoint, Dimension, Statistic};
use aws_sdk_ssm::types::ParameterType;
use serde_json::Value;
use tempfile::TempDir;
use testkit::binaries::{binary, workspace};
use testkit::emulator::{Access, Emulator, REGION};
use testkit::postgres::Postgres;
use testkit::runtime_api::{Options, Outcome, Sandbox};

pub(crate) struct World {
    pub(crate) database: String,
    pub(crate) database_url: String,
    access: Access,
    aws: SdkConfig,
    files: TempDir,
}

/// A check of the database `pipeline`; `metrics` are pairs of column and CloudWatch name.
pub(crate) fn check(name: &str, sql: &str, metrics: &[(&str, &str)]) -> String {
    let mut text = format!("[check.{name}]\ndatabase = \"pipeline\"\nsql = '''{sql}'''\n");
    for (column, metric) in metrics {
        text.push_str(&format!("[check.{name}.metric.{column}]\nname = \"{metric}\"\nunit = \"Count\"\n"));
    }
    text
}

/// A watch file with these checks and one receiver that nobody here tells anything.
pub(crate) fn watch_file(checks: &[String]) -> String {
    let ends = "[receiver.team]\nsns = { topic = \"pages\" }\n[routes]\ndefault = [\"team\"]\n";
    let database = "[database.pipeline]\nurl = \"ssm:database/pipeline_url\"\nstatement_timeout = \"1s\"\n";
    format!("namespace = \"OPsPipeline\"\n{database}{}{ends}", checks.concat())
}

impl World {
    pub(crate) async fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let database = format!("pipeline_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let database_url = Postgres::shared().create_database(&database).expect("a database");
        let pipeline = "create table lane_telemetry (ticker text not null, ts timestamptz not null)";
        Postgres::shared().execute(&database, pipeline).expect("a table");
        Self::on(database, database_url).await
    }

    /// A world whose database is somewhere else.
    pub(crate) async fn on(database: String, database_url: String) -> Self {
        let access = Emulator::shared("healthcheck").access(&Emulator::fresh_account());
        let credentials = aws_sdk_ssm::config::Credentials::new(&access.account, "test", None, None, "tests");
        let aws = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(&access.endpoint)
            .credentials_provider(credentials)
            .load()
            .await;
        let files = tempfile::tempdir().expect("a folder");
        let world = Self { database, database_url, access, aws, files };
        world.put_parameter("local", "database/pipeline_url", &world.database_url).await;
        world
    }

    pub(crate) async fn put_parameter(&self, environment: &str, name: &str, value: &str) {
        let ssm = aws_sdk_ssm::Client::new(&self.aws);
        let put = ssm.put_parameter().name(format!("/{environment}/watchkeeper/{name}")).value(value).overwrite(true);
        put.r#type(ParameterType::SecureString).send().await.expect("a parameter");
    }

    pub(crate) async fn delete_parameter(&self, name: &str) {
        let ssm = aws_sdk_ssm::Client::new(&self.aws);
        let name = format!("/local/watchkeeper/{name}");
        ssm.delete_parameter().name(name).send().await.expect("deleted");
    }

    /// Changes the pipeline.
    pub(crate) fn execute(&self, sql: &str) {
        Postgres::shared().execute(&self.database, sql).expect(sql);
    }

    /// Where the shipped watch file of the local cloud is.
    pub(crate) fn shipped() -> PathBuf {
        workspace().join("config/local.toml")
    }

    /// A function with a watch file of the test's own.
    pub(crate) async fn watching(&self, checks: &[String]) -> Sandbox {
        self.start(&self.write(&watch_file(checks)), &[]).await
    }

    /// Writes a watch file.
    pub(crate) fn write(&self, text: &str) -> PathBuf {
        let path = self.files.path().join("watch.toml");
        std::fs::write(&path, text).expect("a watch file");
        path
    }

    /// A function with this watch file; what a test says about a variable stands.
    pub(crate) async fn start(&self, watch_file: &std::path::Path, extra: &[(&str, &str)]) -> Sandbox {
        let mut environment = self.access.variables();
        environment.extend([
            ("ENVIRONMENT", "local".to_owned()),
            ("ALERTS_QUEUE_URL", format!("{}/{}/alerts", self.access.endpoint, self.access.account)),
            ("PAGES_TOPIC_ARN", format!("arn:aws:sns:{REGION}:{}:pages", self.access.account)),
            ("SELF_TOPIC_ARN", format!("arn:aws:sns:{REGION}:{}:self", self.access.account)),
            ("WATCH_FILE", watch_file.to_string_lossy().into_owned()),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
        ]);
        environment.retain(|(name, _)| !extra.iter().any(|(other, _)| other == name));
        environment.extend(extra.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let binary = binary("healthcheck").expect("healthcheck is built");
        Sandbox::start(&binary, environment, Options::default()).await.expect("healthcheck starts")
    }

    /// Every datum of a metric in this world's environment, as CloudWatch keeps it.
    pub(crate) async fn published(&self, metric: &str) -> Vec<Datapoint> {
        let cloudwatch = aws_sdk_cloudwatch::Client::new(&self.aws);
        let asking = cloudwatch
            .get_metric_statistics()
            .namespace("OPsPipeline")
            .metric_name(metric)
            .dimensions(Dimension::builder().name("Environment").value("local").build())
            .start_time(DateTime::from_secs(0))
            .end_time(DateTime::from_secs(4_000_000_000))
            .period(60)
            .statistics(Statistic::Maximum)
            .statistics(Statistic::SampleCount);
        asking.send().await.expect("CloudWatch answers").datapoints.unwrap_or_default()
    }

    /// The names of all metrics that were ever published.
    pub(crate) async fn metrics(&self) -> Vec<String> {
        let cloudwatch = aws_sdk_cloudwatch::Client::new(&self.aws);
        let listed = cloudwatch.list_metrics().namespace("OPsPipeline").send().await.expect("CloudWatch answers");
        let mut names: Vec<_> =
            listed.metrics.unwrap_or_default().into_iter().filter_map(|metric| metric.metric_name).collect();
        names.sort();
        names
    }
}

/// The answer of an invocation that must succeed.
pub(crate) async fn answer(sandbox: &Sandbox, payload: Value) -> Value {
    sandbox.invoke(&payload).await.expect("a process").answered().expect("an answer")
}

/// `errorType` and `errorMessage` of an invocation that must fail.
pub(crate) async fn refusal(sandbox: &Sandbox, payload: Value) -> (String, String) {
    match sandbox.invoke(&payload).await.expect("a process") {
        Outcome::Failed { error_type, message } => (error_type, message),
        other => panic!("expected a refusal, got: {other}"),
    }
}
