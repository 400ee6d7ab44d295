//! Everything a healthcheck under test meets, new for each test; the servers behind it are shared by all.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

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
use tokio_postgres::SimpleQueryMessage;

pub(crate) struct World {
    pub(crate) database: String,
    pub(crate) database_url: String,
    /// Watchkeeper's own database; the pipeline is another.
    store_url: String,
    queue_url: String,
    topics: [String; 2],
    access: Access,
    aws: SdkConfig,
    files: TempDir,
}

/// A migrated database to clone: migrating once is enough.
async fn template() -> &'static str {
    static MIGRATED: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    MIGRATED
        .get_or_init(|| async {
            migrate(&Postgres::shared().create_database("template").expect("a database")).await;
        })
        .await;
    "template"
}

async fn migrate(url: &str) {
    let connection = store::Connection::open(&url.into(), None).await.expect("a connection");
    store::migrations::migrate(&connection.client, None).await.expect("migrated");
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
        // The example pipeline, as it stands in the local cloud, but for its telemetry, which is each test's own.
        let pipeline = std::fs::read_to_string(workspace().join("localstack/sql/pipeline.sql")).expect("the pipeline");
        Postgres::shared().execute(&database, &pipeline).expect("its tables");
        Postgres::shared().execute(&database, "truncate lane_telemetry").expect("no telemetry");
        Self::on(database, database_url).await
    }

    /// A world whose pipeline is somewhere else.
    pub(crate) async fn on(database: String, database_url: String) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let store = format!("store_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let store_url = Postgres::shared().clone_database(template().await, &store).expect("a database");
        Self::with(database, database_url, store_url).await
    }

    /// A world whose own database has a server of its own, to be stopped.
    pub(crate) async fn with_own_store() -> (Postgres, Self) {
        let server = Postgres::start().expect("a Postgres");
        let store_url = server.create_database("store").expect("a database");
        migrate(&store_url).await;
        let world = Self::new().await;
        world.put_parameter("local", "database/url", &store_url).await;
        (server, Self { store_url, ..world })
    }

    async fn with(database: String, database_url: String, store_url: String) -> Self {
        let access = Emulator::shared("healthcheck").access(&Emulator::fresh_account());
        let credentials = aws_sdk_ssm::config::Credentials::new(&access.account, "test", None, None, "tests");
        let aws = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(&access.endpoint)
            .credentials_provider(credentials)
            .load()
            .await;
        let files = tempfile::tempdir().expect("a folder");
        let sqs = aws_sdk_sqs::Client::new(&aws);
        let queue_url = sqs.create_queue().queue_name("alerts").send().await.expect("a queue").queue_url;
        let sns = aws_sdk_sns::Client::new(&aws);
        let mut topics = Vec::new();
        for name in ["pages", "self"] {
            let topic = sns.create_topic().name(name).send().await.expect("a topic").topic_arn.expect("its ARN");
            topics.push(topic);
        }
        let queue_url = queue_url.expect("its URL");
        let topics = topics.try_into().expect("two topics");
        let world = Self { database, database_url, store_url, queue_url, topics, access, aws, files };
        world.subscribe_to("pages").await;
        world.subscribe_to("self").await;
        world.put_parameter("local", "database/pipeline_url", &world.database_url).await;
        world.put_parameter("local", "database/url", &world.store_url).await;
        world
    }

    /// Subscribes somebody to a topic.
    pub(crate) async fn subscribe_to(&self, topic: &str) {
        let queue = format!("arn:aws:sqs:{REGION}:{}:{topic}", self.access.account);
        let sns = aws_sdk_sns::Client::new(&self.aws);
        let subscribing = sns.subscribe().topic_arn(self.topic(topic)).protocol("sqs").endpoint(queue);
        subscribing.send().await.expect("subscribed");
    }

    /// Ends every subscription of a topic.
    pub(crate) async fn unsubscribe_all(&self, topic: &str) {
        let sns = aws_sdk_sns::Client::new(&self.aws);
        let listed = sns.list_subscriptions_by_topic().topic_arn(self.topic(topic)).send().await.expect("listed");
        for subscription in listed.subscriptions.unwrap_or_default() {
            let arn = subscription.subscription_arn.expect("its ARN");
            sns.unsubscribe().subscription_arn(arn).send().await.expect("unsubscribed");
        }
    }

    fn topic(&self, name: &str) -> &str {
        let [pages, own] = &self.topics;
        if name == "pages" { pages } else { own }
    }

    /// The signals that came to the `alerts` queue since this was last asked, in no order. They count as heard from then on,
    /// as if the router had recorded them.
    pub(crate) async fn raised(&self) -> Vec<Value> {
        let signals = self.overheard().await;
        for signal in &signals {
            self.hear(signal).await;
        }
        signals
    }

    /// Records what a signal says of its source, and its open alert, as the router does.
    pub(crate) async fn hear(&self, signal: &Value) {
        let text = |field: &str| signal[field].as_str().unwrap_or_default().to_owned();
        let fingerprint = text("id").split('/').next().unwrap_or_default().to_owned();
        let (source, status, severity, at) = (text("source"), text("status"), text("severity"), text("occurred_at"));
        let alert = if status == "firing" {
            format!(
                "insert into watchkeeper.alerts (alert_id, fingerprint, kind, subject, environment, severity,
                     notified_severity, labels, status, opened_at, last_signal_at, signal_count)
                 values (gen_random_uuid(), '{fingerprint}', '{}', '{}', 'local', '{severity}', '{severity}', '{}',
                     'firing', '{at}', '{at}', 1)
                 on conflict do nothing",
                text("kind"),
                text("subject"),
                signal["labels"]
            )
        } else {
            format!("delete from watchkeeper.alerts where fingerprint = '{fingerprint}'")
        };
        let said = format!(
            "insert into watchkeeper.alert_sources (fingerprint, source, status, severity, changed_at)
             values ('{fingerprint}', '{source}', '{status}', '{severity}', '{at}')
             on conflict (fingerprint, source) do update
             set status = excluded.status, severity = excluded.severity, changed_at = excluded.changed_at"
        );
        let url = self.store_url.as_str().into();
        // While the record is gone, nobody hears.
        if let Ok(connection) = store::Connection::open(&url, None).await {
            let _ = connection.client.batch_execute(&format!("{alert}; {said}")).await;
        }
    }

    /// The signals that came to the queue, which the router has not read.
    pub(crate) async fn overheard(&self) -> Vec<Value> {
        let sqs = aws_sdk_sqs::Client::new(&self.aws);
        let mut signals = Vec::new();
        loop {
            let asking = sqs.receive_message().queue_url(&self.queue_url).max_number_of_messages(10);
            let messages = asking.send().await.expect("SQS answers").messages.unwrap_or_default();
            if messages.is_empty() {
                return signals;
            }
            for message in messages {
                let handle = message.receipt_handle.expect("a handle");
                let deleting = sqs.delete_message().queue_url(&self.queue_url).receipt_handle(handle);
                deleting.send().await.expect("deleted");
                signals.push(serde_json::from_str(&message.body.expect("a body")).expect("JSON"));
            }
        }
    }

    /// What Watchkeeper's own database is called.
    pub(crate) fn store_name(&self) -> &str {
        self.store_url.rsplit('/').next().and_then(|name| name.split('?').next()).unwrap_or_default()
    }

    /// Has the turn of evaluations for as long as the connection lives.
    pub(crate) async fn hold_the_turn(&self) -> store::Connection {
        let connection = store::Connection::open(&self.store_url.as_str().into(), None).await.expect("a connection");
        store::check_states::load(&connection.client, Duration::from_secs(10)).await.expect("the turn");
        let forever = "set local idle_in_transaction_session_timeout = 0";
        connection.client.batch_execute(forever).await.expect("it stays");
        connection
    }

    /// The first column of what the store answers, as text.
    pub(crate) async fn stored(&self, sql: &str) -> Vec<String> {
        let url = self.store_url.as_str().into();
        let connection = store::Connection::open(&url, None).await.expect("a connection");
        let answer = connection.client.simple_query(sql).await.expect(sql);
        let first = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("-").to_owned()),
            _ => None,
        };
        answer.iter().filter_map(first).collect()
    }

    pub(crate) async fn put_parameter(&self, environment: &str, name: &str, value: &str) {
        let ssm = aws_sdk_ssm::Client::new(&self.aws);
        let put = ssm.put_parameter().name(format!("/{environment}/watchkeeper/{name}")).value(value).overwrite(true);
        put.r#type(ParameterType::SecureString).send().await.expect("a parameter");
    }

    /// Sets a switch, as people do: a plain String.
    pub(crate) async fn put_switch(&self, name: &str, value: &str) {
        let ssm = aws_sdk_ssm::Client::new(&self.aws);
        let put = ssm.put_parameter().name(format!("/local/watchkeeper/features/{name}")).value(value).overwrite(true);
        put.r#type(ParameterType::String).send().await.expect("a parameter");
    }

    /// Where the emulator answers: `127.0.0.1:PORT`.
    pub(crate) fn aws_address(&self) -> &str {
        self.access.endpoint.trim_start_matches("http://")
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
    pub(crate) async fn start(&self, watch_file: &Path, extra: &[(&str, &str)]) -> Sandbox {
        let mut environment = self.access.variables();
        environment.extend([
            ("ENVIRONMENT", "local".to_owned()),
            ("ALERTS_QUEUE_URL", self.queue_url.clone()),
            ("PAGES_TOPIC_ARN", self.topic("pages").to_owned()),
            ("SELF_TOPIC_ARN", self.topic("self").to_owned()),
            ("WATCH_FILE", watch_file.to_string_lossy().into_owned()),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
        ]);
        environment.retain(|(name, _)| !extra.iter().any(|(other, _)| other == name));
        environment.extend(extra.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let binary = binary("healthcheck").expect("healthcheck is built");
        Sandbox::start(&binary, environment, Options::default()).await.expect("healthcheck starts")
    }

    /// What reaches this world's AWS.
    pub(crate) fn aws(&self) -> &SdkConfig {
        &self.aws
    }

    /// A metric's own dimensions, as `name=value`, one text for each combination that was ever published.
    pub(crate) async fn combinations(&self, metric: &str) -> Vec<String> {
        let cloudwatch = aws_sdk_cloudwatch::Client::new(&self.aws);
        let listing = cloudwatch.list_metrics().namespace("OPsPipeline").metric_name(metric);
        let listed = listing.send().await.expect("CloudWatch answers").metrics.unwrap_or_default();
        let combination = |metric: aws_sdk_cloudwatch::types::Metric| {
            let own = metric.dimensions.unwrap_or_default().into_iter().filter_map(|dimension| {
                let (name, value) = (dimension.name?, dimension.value?);
                (name != "Environment").then(|| format!("{name}={value}"))
            });
            own.collect::<Vec<_>>().join(",")
        };
        let mut combinations: Vec<_> = listed.into_iter().map(combination).collect();
        combinations.sort();
        combinations
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

    /// The names of all metrics that were ever published, apart from the heartbeat.
    pub(crate) async fn metrics(&self) -> Vec<String> {
        let cloudwatch = aws_sdk_cloudwatch::Client::new(&self.aws);
        let listed = cloudwatch.list_metrics().namespace("OPsPipeline").send().await.expect("CloudWatch answers");
        let mut names: Vec<_> =
            listed.metrics.unwrap_or_default().into_iter().filter_map(|metric| metric.metric_name).collect();
        names.retain(|name| name != "HealthcheckHeartbeat");
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
