//! Everything a deadman under test meets, new for each test; the servers behind it are shared by all.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ssm::types::ParameterType;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::binaries::binary;
use testkit::emulator::{Access, Emulator, REGION};
use testkit::postgres::Postgres;
use testkit::proxy::Proxy;
use testkit::runtime_api::{Options, Outcome, Sandbox};
use tokio_postgres::SimpleQueryMessage;

pub(crate) struct World {
    pub(crate) store_url: String,
    queue_url: String,
    self_topic: String,
    self_queue: String,
    access: Access,
    aws: SdkConfig,
    files: TempDir,
    /// Before the database: it refuses what a transaction pooler does not keep.
    _proxy: Proxy,
}

/// A heartbeat that tells by itself, every hour with ten minutes of grace, CRITICAL.
pub(crate) const NIGHTLY: &str = "
[heartbeat.nightly]
signal = { ping = true }
every = '1h'
grace = '10m'
severity = 'CRITICAL'
runbook = 'docs/runbooks/nightly.md'
";

/// The same for what one of our own functions writes into its ledger.
pub(crate) const LEDGER: &str = "
[heartbeat.checks]
signal = { ledger = 'healthcheck' }
every = '1h'
grace = '10m'
";

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

/// A watch file that expects these, with one receiver that nobody here tells anything.
pub(crate) fn watch_file(heartbeats: &str) -> String {
    let database = "[database.pipeline]\nurl = 'ssm:database/url'\n";
    let ends = "[receiver.team]\nsns = { topic = 'pages' }\n[routes]\ndefault = ['team']\n";
    format!("namespace = 'OPsPipeline'\n{database}{heartbeats}{ends}")
}

impl World {
    pub(crate) async fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let store = format!("store_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let store_url = Postgres::shared().clone_database(template().await, &store).expect("a database");
        Self::on(store_url).await
    }

    /// A world whose database has a server of its own, to be stopped.
    pub(crate) async fn with_own_store() -> (Postgres, Self) {
        let server = Postgres::start().expect("a Postgres");
        let store_url = server.create_database("store").expect("a database");
        migrate(&store_url).await;
        (server, Self::on(store_url).await)
    }

    async fn on(store_url: String) -> Self {
        let access = Emulator::shared("deadman").access(&Emulator::fresh_account());
        let credentials = aws_sdk_ssm::config::Credentials::new(&access.account, "test", None, None, "tests");
        let aws = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(&access.endpoint)
            .credentials_provider(credentials)
            .load()
            .await;
        let (sqs, sns) = (aws_sdk_sqs::Client::new(&aws), aws_sdk_sns::Client::new(&aws));
        let queue = async |name: &str| {
            sqs.create_queue().queue_name(name).send().await.expect("a queue").queue_url.expect("its URL")
        };
        let (queue_url, self_queue) = (queue("alerts").await, queue("self").await);
        let self_topic = sns.create_topic().name("self").send().await.expect("a topic").topic_arn.expect("its ARN");
        let endpoint = format!("arn:aws:sqs:{REGION}:{}:self", access.account);
        sns.subscribe().topic_arn(&self_topic).protocol("sqs").endpoint(endpoint).send().await.expect("subscribed");
        let files = tempfile::tempdir().expect("a folder");
        let server = store_url.split_once('@').and_then(|(_, place)| place.split_once('/')).expect("an address").0;
        let proxy = Proxy::strict(server).await.expect("a proxy");
        let url = proxy.url(&store_url).expect("its address");
        let world = Self { store_url, queue_url, self_topic, self_queue, access, aws, files, _proxy: proxy };
        world.put_parameter("database/url", &url).await;
        world
    }

    pub(crate) async fn put_parameter(&self, name: &str, value: &str) {
        self.put(name, value, ParameterType::SecureString).await;
    }

    /// Sets a switch, as people do: a plain String.
    pub(crate) async fn put_switch(&self, name: &str, value: &str) {
        self.put(&format!("features/{name}"), value, ParameterType::String).await;
    }

    async fn put(&self, name: &str, value: &str, kind: ParameterType) {
        let ssm = aws_sdk_ssm::Client::new(&self.aws);
        let put = ssm.put_parameter().name(format!("/local/watchkeeper/{name}")).value(value).overwrite(true);
        put.r#type(kind).send().await.expect("a parameter");
    }

    /// deadman with these heartbeats.
    pub(crate) async fn watching(&self, heartbeats: &str) -> Sandbox {
        self.start(&watch_file(heartbeats), &[]).await
    }

    /// deadman with this watch file; what a test says about a variable stands.
    pub(crate) async fn start(&self, watch_file: &str, extra: &[(&str, &str)]) -> Sandbox {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let path = self.files.path().join(format!("watch_{}.toml", NEXT.fetch_add(1, Ordering::Relaxed)));
        std::fs::write(&path, watch_file).expect("a watch file");
        let mut environment = self.access.variables();
        environment.extend([
            ("ENVIRONMENT", "local".to_owned()),
            ("ALERTS_QUEUE_URL", self.queue_url.clone()),
            ("SELF_TOPIC_ARN", self.self_topic.clone()),
            ("WATCH_FILE", path.to_string_lossy().into_owned()),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
        ]);
        environment.retain(|(name, _)| !extra.iter().any(|(other, _)| other == name));
        environment.extend(extra.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let binary = binary("deadman").expect("deadman is built");
        Sandbox::start(&binary, environment, Options::default()).await.expect("deadman starts")
    }

    /// What reaches this world's AWS.
    pub(crate) fn aws(&self) -> &SdkConfig {
        &self.aws
    }

    /// The signals that came to the `alerts` queue since this was last asked, oldest first.
    pub(crate) async fn raised(&self) -> Vec<Value> {
        let mut signals: Vec<Value> =
            self.messages(&self.queue_url).await.iter().map(|body| serde_json::from_str(body).expect("JSON")).collect();
        signals.sort_by_key(|signal| signal["occurred_at"].as_str().map(str::to_owned));
        signals
    }

    /// What the topic `self` was told since this was last asked.
    pub(crate) async fn told_self(&self) -> Vec<Value> {
        self.messages(&self.self_queue).await.iter().map(|body| serde_json::from_str(body).expect("JSON")).collect()
    }

    async fn messages(&self, queue: &str) -> Vec<String> {
        let sqs = aws_sdk_sqs::Client::new(&self.aws);
        let mut bodies = Vec::new();
        loop {
            let asking = sqs.receive_message().queue_url(queue).max_number_of_messages(10);
            let messages = asking.send().await.expect("SQS answers").messages.unwrap_or_default();
            if messages.is_empty() {
                return bodies;
            }
            for message in messages {
                let handle = message.receipt_handle.expect("a handle");
                sqs.delete_message().queue_url(queue).receipt_handle(handle).send().await.expect("deleted");
                bodies.push(message.body.expect("a body"));
            }
        }
    }

    /// The first column of what the store answers, as text.
    pub(crate) async fn stored(&self, sql: &str) -> Vec<String> {
        let connection = store::Connection::open(&self.store_url.as_str().into(), None).await.expect("a connection");
        let answer = connection.client.simple_query(sql).await.expect(sql);
        let first = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("-").to_owned()),
            _ => None,
        };
        answer.iter().filter_map(first).collect()
    }

    /// Each transition, as `up>down 2026-11-22 01:10:00+00`.
    pub(crate) async fn transitions(&self) -> Vec<String> {
        let sql =
            "select name || ' ' || from_status || '>' || to_status || ' ' || to_char(at at time zone 'UTC', 'HH24:MI')
                   from watchkeeper.heartbeat_transitions order by at, name";
        self.stored(sql).await
    }

    /// What a process that died left of its lease runs out.
    pub(crate) async fn leases_run_out(&self) {
        self.stored("update watchkeeper.leases set expires_at = now()").await;
    }

    /// The router hears of what was raised, as it does when it records it.
    pub(crate) async fn router_hears(&self, signals: &[Value]) {
        for signal in signals {
            let text = |field: &str| signal[field].as_str().unwrap_or_default().to_owned();
            let fingerprint = text("id").split('/').next().unwrap_or_default().to_owned();
            let sql = format!(
                "insert into watchkeeper.alert_sources (fingerprint, source, status, severity, changed_at)
                 values ('{fingerprint}', '{}', '{}', '{}', '{}')
                 on conflict (fingerprint, source) do update
                 set status = excluded.status, severity = excluded.severity, changed_at = excluded.changed_at",
                text("source"),
                text("status"),
                text("severity"),
                text("occurred_at")
            );
            self.stored(&sql).await;
        }
    }
}

/// An instant of the tests' day.
pub(crate) fn at(time: &str) -> String {
    format!("2026-11-22T{time}:00Z")
}

/// An evaluation at a time of the tests' day; its answer.
pub(crate) async fn evaluate(sandbox: &Sandbox, time: &str) -> Value {
    answer(sandbox, json!({ "now": at(time) })).await
}

/// A ping at a time of the tests' day; its answer.
pub(crate) async fn ping(sandbox: &Sandbox, signal: &str, time: &str) -> Value {
    answer(sandbox, json!({ "ping": { "heartbeat": "nightly", "signal": signal }, "now": at(time) })).await
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
