//! Everything a data-poller under test meets, new for each test; the servers behind it are shared by all.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ssm::types::ParameterType;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::binaries::binary;
use testkit::emulator::{Access, Emulator, REGION};
use testkit::postgres::Postgres;
use testkit::proxy::Proxy;
use testkit::runpod::{Job, RunPod};
use testkit::runtime_api::{Options, Outcome, Sandbox};

use crate::upstream::Upstream;

mod records;

/// The key that the fake RunPod takes.
const API_KEY: &str = "rpa_KEY_THAT_NOBODY_MAY_SEE";
/// The bucket of the tests' source.
pub(crate) const BUCKET: &str = "noaa-gfs-bdp-pds";

pub(crate) struct World {
    pub(crate) runpod: RunPod,
    pub(crate) upstream: Upstream,
    store_url: String,
    queue_url: String,
    access: Access,
    aws: SdkConfig,
    files: TempDir,
    /// Before the database: it refuses what a transaction pooler does not keep, and counts.
    pub(crate) proxy: Proxy,
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

/// A watch file of these sources, with one receiver that nobody here tells anything.
pub(crate) fn watch_file(sources: &str) -> String {
    format!(
        "namespace = 'OPsPipeline'\n{sources}\n[receiver.team]\nsns = {{ topic = 'pages' }}\n[routes]\ndefault = ['team']\n"
    )
}

impl World {
    pub(crate) async fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let store = format!("store_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Self::on(Postgres::shared().clone_database(template().await, &store).expect("a database")).await
    }

    /// A world whose database has a server of its own, to be stopped.
    pub(crate) async fn with_own_store() -> (Postgres, Self) {
        let server = Postgres::start().expect("a Postgres");
        let store_url = server.create_database("store").expect("a database");
        migrate(&store_url).await;
        (server, Self::on(store_url).await)
    }

    async fn on(store_url: String) -> Self {
        let access = Emulator::shared("data-poller").access(&Emulator::fresh_account());
        let credentials = aws_sdk_ssm::config::Credentials::new(&access.account, "test", None, None, "tests");
        let aws = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(&access.endpoint)
            .credentials_provider(credentials)
            .load()
            .await;
        let sqs = aws_sdk_sqs::Client::new(&aws);
        let queue = sqs.create_queue().queue_name("alerts").send().await.expect("a queue");
        let server = store_url.split_once('@').and_then(|(_, place)| place.split_once('/')).expect("an address").0;
        let proxy = Proxy::strict(server).await.expect("a proxy");
        let url = proxy.url(&store_url).expect("its address");
        let world = Self {
            runpod: RunPod::start(API_KEY, &["medium"], at("20 00:00")).await.expect("a RunPod"),
            upstream: Upstream::start().await,
            store_url,
            queue_url: queue.queue_url.expect("its URL"),
            access,
            aws,
            files: tempfile::tempdir().expect("a folder"),
            proxy,
        };
        world.put("database/url", &url, ParameterType::SecureString).await;
        world.put("sources/runpod", API_KEY, ParameterType::SecureString).await;
        world.put_switch("enable_medium_range", "on").await;
        world
    }

    /// A source of three files every six hours, processed by the fake RunPod; `more` stands among its keys.
    pub(crate) fn gfs(&self, more: &str) -> String {
        self.source("complete = { keys = ['gfs.{yyyymmdd}/{hh}/f{000..006..3}'], min_bytes = 4, settle = '0s' }", more)
    }

    /// The same with real names: 209 files, hourly to f120 and every three hours to f384.
    pub(crate) fn real_gfs(&self, more: &str) -> String {
        let keys = domain::upstream::presets::GFS_KEYS.map(|key| format!("'{key}'")).join(", ");
        self.source(&format!("complete = {{ keys = [{keys}], min_bytes = 4 }}"), more)
    }

    fn source(&self, complete: &str, more: &str) -> String {
        let runpod = self.runpod.url();
        let written = |key: &str| more.lines().any(|line| line.starts_with(key));
        let usual = [
            ("schedule", "schedule = '0 0,6,12,18 * * *'".to_owned()),
            ("upstream", format!("upstream.s3 = {{ buckets = ['{BUCKET}'], anonymous = true }}")),
            ("complete", complete.to_owned()),
            (
                "trigger",
                format!(
                    "trigger.runpod = {{ endpoint = 'medium', api_key = 'ssm:sources/runpod', url = '{runpod}', \
                     input = {{ model = 'medium' }} }}"
                ),
            ),
            ("switch", "switch = 'enable_medium_range'".to_owned()),
        ];
        let usual: Vec<String> = usual.into_iter().filter(|(key, _)| !written(key)).map(|(_, line)| line).collect();
        format!(
            "[source.gfs]\nforecast_type = 'medium_range'\nexpected_after = '5h15m'\nlate_after = '5h55m'\n\
             max_runtime = '2h30m'\n{}\n{more}\n",
            usual.join("\n")
        )
    }

    /// Sets a switch, as people do: a plain String.
    pub(crate) async fn put_switch(&self, name: &str, value: &str) {
        self.put(&format!("features/{name}"), value, ParameterType::String).await;
    }

    /// The parameters that are secrets, by their full names.
    pub(crate) fn secrets(&self) -> Vec<(String, String)> {
        let url = self.proxy.url(&self.store_url).expect("its address");
        let named = |name: &str, value: &str| (format!("/local/watchkeeper/{name}"), value.to_owned());
        vec![named("database/url", &url), named("sources/runpod", API_KEY)]
    }

    async fn put(&self, name: &str, value: &str, kind: ParameterType) {
        let ssm = aws_sdk_ssm::Client::new(&self.aws);
        let put = ssm.put_parameter().name(format!("/local/watchkeeper/{name}")).value(value).overwrite(true);
        put.r#type(kind).send().await.expect("a parameter");
    }

    /// data-poller with these sources, before the fake upstream.
    pub(crate) async fn polling(&self, sources: &str) -> Sandbox {
        self.start(sources, &[]).await
    }

    /// The same; what a test says about a variable stands, and an empty one is left out.
    pub(crate) async fn start(&self, sources: &str, extra: &[(&str, &str)]) -> Sandbox {
        self.function("data-poller", sources, extra).await
    }

    /// deadman on the same record and watch file.
    pub(crate) async fn deadman(&self, watched: &str) -> Sandbox {
        let topic = format!("arn:aws:sns:{REGION}:{}:self", self.access.account);
        self.function("deadman", watched, &[("SELF_TOPIC_ARN", &topic)]).await
    }

    async fn function(&self, name: &str, sources: &str, extra: &[(&str, &str)]) -> Sandbox {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let path = self.files.path().join(format!("watch_{}.toml", NEXT.fetch_add(1, Ordering::Relaxed)));
        std::fs::write(&path, watch_file(sources)).expect("a watch file");
        let mut environment = self.access.variables();
        let upstream = self.upstream.url().to_owned();
        environment.extend([
            ("ENVIRONMENT", "local".to_owned()),
            ("ALERTS_QUEUE_URL", self.queue_url.clone()),
            ("WATCH_FILE", path.to_string_lossy().into_owned()),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
            ("AWS_ENDPOINT_URL_S3", upstream),
        ]);
        environment.retain(|(name, _)| !extra.iter().any(|(other, _)| other == name));
        environment.extend(extra.iter().map(|(name, value)| (*name, (*value).to_owned())));
        environment.retain(|(_, value)| !value.is_empty());
        let binary = binary(name).expect("it is built");
        Sandbox::start(&binary, environment, Options::default()).await.expect("it starts")
    }

    /// A poll that nobody asked for, at a time of the tests' month; its answer.
    pub(crate) async fn poll(&self, sandbox: &Sandbox, time: &str) -> Value {
        self.ask(sandbox, json!({}), time).await
    }

    /// A poll with a payload of its own; its answer.
    pub(crate) async fn ask(&self, sandbox: &Sandbox, payload: Value, time: &str) -> Value {
        answer(sandbox, self.dated(payload, time)).await
    }

    /// A payload at a time of the tests' month, which is RunPod's clock from then on.
    pub(crate) fn dated(&self, mut payload: Value, time: &str) -> Value {
        let now = at(time);
        self.runpod.set_clock(now);
        payload["now"] = json!(now);
        payload
    }

    /// The three files of a cycle appear, written at its nominal time.
    pub(crate) fn publish(&self, cycle: &str) {
        for file in ["f000", "f003", "f006"] {
            self.publish_file(cycle, file);
        }
    }

    /// One of them.
    pub(crate) fn publish_file(&self, cycle: &str, file: &str) {
        let cycle = at(cycle);
        self.upstream.publish(BUCKET, &format!("{}/{file}", cycle.strftime("gfs.%Y%m%d/%H")), 10, cycle);
    }

    /// The jobs that RunPod has taken, each as `2026112006 1`: cycle and attempt.
    pub(crate) fn jobs(&self) -> Vec<String> {
        self.runpod.jobs().iter().map(job).collect()
    }

    /// Each of these jobs is begun and ends well.
    pub(crate) fn work_off(&self) {
        for job in self.runpod.jobs() {
            if self.runpod.begin(&job.id) {
                self.runpod.complete(&job.id, json!({ "frames": 3 }));
            }
        }
    }

    /// What reaches this world's AWS.
    pub(crate) fn aws(&self) -> &SdkConfig {
        &self.aws
    }
}

/// A job as `2026112006 1`: cycle and attempt.
fn job(job: &Job) -> String {
    let cycle: Timestamp = job.input["run_timestamp"].as_str().and_then(|at| at.parse().ok()).expect("a cycle");
    format!("{} {}", cycle.strftime("%Y%m%d%H"), job.input["attempt"])
}

/// An instant of the tests' month: `20 06:15` is a quarter past six on 20 November 2026, UTC.
pub(crate) fn at(time: &str) -> Timestamp {
    let (day, clock) = time.split_once(' ').expect("a day and a clock");
    format!("2026-11-{day}T{clock}:00Z").parse().expect("an instant")
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

/// Why nothing was done about something, by its name in the summary; nothing where it is not among what was skipped.
pub(crate) fn why(answer: &Value, name: &str) -> Option<String> {
    let skipped = answer["skipped"].as_array().expect("what was skipped");
    let one = skipped.iter().find(|one| one["name"] == name)?;
    Some(one["reason"].as_str().expect("a reason").to_owned())
}

/// What was triggered.
pub(crate) fn triggered(answer: &Value) -> Vec<String> {
    answer["triggered"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|name| name.as_str().expect("a name").to_owned())
        .collect()
}
