//! Everything an archiver under test meets, new for each test; the servers behind it are shared by all.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_ssm::types::ParameterType;
use serde_json::{Value, json};
use store::Connection;
use tempfile::TempDir;
use testkit::binaries::binary;
use testkit::bucket::{Bucket, Buckets};
use testkit::emulator::{Access, Emulator, REGION};
use testkit::postgres::Postgres;
use testkit::runtime_api::{Options, Outcome, Sandbox};

/// The bucket of the archive.
pub(crate) const ARCHIVE: &str = "archive";
/// The bucket of what rows stand for.
pub(crate) const FORECASTS: &str = "forecasts";
/// When it is, in these tests.
pub(crate) const NOW: &str = "2026-11-22T12:00:00Z";

pub(crate) struct World {
    pub(crate) s3: Buckets,
    /// The pipeline's database.
    pub(crate) pipeline: Connection,
    /// Our own.
    pub(crate) store: Connection,
    pub(crate) pipeline_url: String,
    store_url: String,
    queue_url: String,
    access: Access,
    ssm: aws_sdk_ssm::Client,
    sqs: aws_sdk_sqs::Client,
    files: TempDir,
}

/// A migrated database to clone: migrating once is enough.
async fn template() -> &'static str {
    static MIGRATED: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    MIGRATED
        .get_or_init(|| async {
            let url = Postgres::shared().create_database("template").expect("a database");
            let connection = connect(&url).await;
            store::migrations::migrate(&connection.client, None).await.expect("migrated");
        })
        .await;
    "template"
}

async fn connect(url: &str) -> Connection {
    Connection::open(&url.into(), None).await.expect("a connection")
}

/// The audit log of a product.
pub(crate) const AUDIT_LOGS: &str = "create table audit_logs (
    id uuid primary key, actor text, action text not null, metadata jsonb not null, ip inet,
    amount numeric(12,2), created_at timestamptz not null);
    create index on audit_logs (created_at);";

/// The policy for it; `more` stands among its keys.
pub(crate) fn audit_policy(more: &str) -> String {
    format!(
        "[retention.audit-logs]\ndatabase = 'pipeline'\ntable = 'audit_logs'\ntime = 'created_at'\nkey = ['id']\n\
         keep = '2y'\narchive = 'audit/'\n{more}\n"
    )
}

impl World {
    /// A world whose pipeline has this schema.
    pub(crate) async fn new(schema: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let server = Postgres::shared();
        let store_url = server.clone_database(template().await, &format!("store_{n}")).expect("a database");
        let pipeline_url = server.create_database(&format!("pipeline_{n}")).expect("a database");
        Self::on(store_url, pipeline_url, schema).await
    }

    /// A world whose pipeline has a server of its own, to be stopped.
    pub(crate) async fn with_own_pipeline(schema: &str) -> (Postgres, Self) {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let server = Postgres::start().expect("a Postgres");
        let pipeline_url = server.create_database("pipeline").expect("a database");
        let store_url = Postgres::shared().clone_database(template().await, &format!("own_{n}")).expect("a database");
        let world = Self::on(store_url, pipeline_url, schema).await;
        (server, world)
    }

    async fn on(store_url: String, pipeline_url: String, schema: &str) -> Self {
        let access = Emulator::shared("archiver").access(&Emulator::fresh_account());
        let credentials = aws_sdk_ssm::config::Credentials::new(&access.account, "test", None, None, "tests");
        let aws = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(&access.endpoint)
            .credentials_provider(credentials)
            .load()
            .await;
        let sqs = aws_sdk_sqs::Client::new(&aws);
        let queue = sqs.create_queue().queue_name("alerts").send().await.expect("a queue");
        let s3 = Buckets::start(&[ARCHIVE, FORECASTS], NOW.parse().expect("an instant")).await.expect("an S3");
        let world = Self {
            s3,
            pipeline: connect(&pipeline_url).await,
            store: connect(&store_url).await,
            queue_url: queue.queue_url.expect("its URL"),
            access,
            ssm: aws_sdk_ssm::Client::new(&aws),
            sqs,
            files: tempfile::tempdir().expect("a folder"),
            pipeline_url,
            store_url,
        };
        world.put("database/url", &world.store_url).await;
        world.put("database/pipeline_url", &world.pipeline_url).await;
        world.run(schema).await;
        world
    }

    /// The same secrets for another environment.
    pub(crate) async fn put_for(&self, environment: &str) {
        self.put_in(environment, "database/url", &self.store_url).await;
        self.put_in(environment, "database/pipeline_url", &self.pipeline_url).await;
    }

    pub(crate) async fn put(&self, name: &str, value: &str) {
        self.put_in("local", name, value).await;
    }

    async fn put_in(&self, environment: &str, name: &str, value: &str) {
        let name = format!("/{environment}/watchkeeper/{name}");
        let put = self.ssm.put_parameter().name(name).value(value).overwrite(true);
        put.r#type(ParameterType::SecureString).send().await.expect("a parameter");
    }

    /// Runs statements in the pipeline's database.
    pub(crate) async fn run(&self, sql: &str) {
        self.pipeline.client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// The rows of a statement over the pipeline, each as one text.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<String> {
        texts(&self.pipeline, sql).await
    }

    /// The one value of a statement over the pipeline.
    pub(crate) async fn value(&self, sql: &str) -> String {
        self.rows(sql).await.pop().expect("a row")
    }

    /// The rows of a statement over the record, each as one text.
    pub(crate) async fn stored(&self, sql: &str) -> Vec<String> {
        texts(&self.store, sql).await
    }

    /// So many audit logs, the first 800 days old, one every `minutes`.
    pub(crate) async fn log(&self, rows: u32, minutes: u32) {
        self.run(&format!(
            "insert into audit_logs
             select gen_random_uuid(), 'user-' || n % 17, (array['login', 'logout', 'update'])[1 + n % 3],
                    jsonb_build_object('n', n, 'note', repeat('x', n % 40)), ('10.0.0.' || n % 250)::inet, n / 100.0,
                    '{NOW}'::timestamptz - interval '800 days' + n * interval '{minutes} minutes'
             from generate_series(1, {rows}) as n"
        ))
        .await;
    }

    /// archiver with these policies.
    pub(crate) async fn start(&self, policies: &str, extra: &[(&str, &str)]) -> Sandbox {
        self.start_within(policies, extra, Options::default().timeout).await
    }

    /// The same, with so much time for each invocation.
    pub(crate) async fn start_within(&self, policies: &str, extra: &[(&str, &str)], timeout: Duration) -> Sandbox {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let path = self.files.path().join(format!("watch_{}.toml", NEXT.fetch_add(1, Ordering::Relaxed)));
        let watch_file = format!(
            "namespace = 'OPsPipeline'\n[database.pipeline]\nurl = 'ssm:database/pipeline_url'\n{policies}\n\
             [receiver.team]\nsns = {{ topic = 'pages' }}\n[routes]\ndefault = ['team']\n"
        );
        std::fs::write(&path, watch_file).expect("a watch file");
        let mut environment = self.access.variables();
        environment.extend([
            ("ENVIRONMENT", "local".to_owned()),
            ("ALERTS_QUEUE_URL", self.queue_url.clone()),
            ("ARCHIVE_BUCKET", ARCHIVE.to_owned()),
            ("ARCHIVE_STORAGE_CLASS", "GLACIER_IR".to_owned()),
            ("WATCH_FILE", path.to_string_lossy().into_owned()),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
            ("AWS_ENDPOINT_URL_S3", self.s3.url()),
        ]);
        environment.retain(|(name, _)| !extra.iter().any(|(other, _)| other == name));
        environment.extend(extra.iter().map(|(name, value)| (*name, (*value).to_owned())));
        environment.retain(|(_, value)| !value.is_empty());
        let binary = binary("archiver").expect("archiver is built");
        Sandbox::start(&binary, environment, Options { timeout, ..Options::default() }).await.expect("archiver starts")
    }

    /// One invocation by a process of its own, at [`NOW`]; its answer.
    pub(crate) async fn ask(&self, policies: &str, payload: Value) -> Value {
        let sandbox = self.start(policies, &[]).await;
        answer(&sandbox, payload).await
    }

    /// One invocation that must fail: `errorType` and `errorMessage`.
    pub(crate) async fn refused(&self, policies: &str, payload: Value) -> (String, String) {
        let sandbox = self.start(policies, &[]).await;
        match sandbox.invoke(&dated(payload)).await.expect("a process") {
            Outcome::Failed { error_type, message } => (error_type, message),
            other => panic!("expected a refusal, got: {other}"),
        }
    }

    /// What is in the archive.
    pub(crate) fn archive(&self) -> Bucket {
        self.s3.bucket(ARCHIVE)
    }

    /// The archive's objects of rows, without manifests.
    pub(crate) fn objects(&self) -> Vec<String> {
        self.archive().keys().into_iter().filter(|key| key.ends_with(".parquet")).collect()
    }

    /// Whatever held a lease is gone, and its time is over.
    pub(crate) async fn leases_run_out(&self) {
        let sql = "update watchkeeper.leases set expires_at = now()";
        self.store.client.batch_execute(sql).await.expect("leases");
    }

    /// The signals that were raised, as `kind status subject`.
    pub(crate) async fn raised(&self) -> Vec<String> {
        let sql = "select body::jsonb->>'kind' || ' ' || (body::jsonb->>'status') || ' ' || (body::jsonb->>'subject')
                   from watchkeeper.signal_outbox order by created_at, id";
        self.stored(sql).await
    }

    /// How many messages wait in the queue `alerts`.
    pub(crate) async fn queued(&self) -> usize {
        let received = self.sqs.receive_message().queue_url(&self.queue_url).max_number_of_messages(10);
        received.send().await.expect("messages").messages.unwrap_or_default().len()
    }
}

async fn texts(connection: &Connection, sql: &str) -> Vec<String> {
    let rows = connection.client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let text = |message: tokio_postgres::SimpleQueryMessage| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("null").to_owned()),
        _ => None,
    };
    rows.into_iter().filter_map(text).collect()
}

/// Which point an archiver of so many audit logs passes first of this name, counted from 1.
pub(crate) async fn first(point: &str, policies: &str, rows: u32) -> String {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let twin = World::new(AUDIT_LOGS).await;
    twin.log(rows, 60).await;
    let path = log.path().to_str().expect("a path");
    let sandbox = twin.start(policies, &[("FAILPOINT_LOG", path)]).await;
    answer(&sandbox, json!({"task": "archive"})).await;
    let points = std::fs::read_to_string(log.path()).expect("points");
    (1 + points.lines().position(|passed| passed == point).expect("the point")).to_string()
}

impl World {
    /// An archiver that is killed as it passes a point for the first time.
    pub(crate) async fn kill_at(&self, point: &str, policies: &str, rows: u32) {
        let n = first(point, policies, rows).await;
        let doomed = self.start(policies, &[("FAILPOINT_ABORT_AT", &n)]).await;
        doomed.invoke(&dated(json!({"task": "archive"}))).await.expect("an outcome").answered().expect_err("killed");
        self.leases_run_out().await;
    }
}

/// A payload at [`NOW`], unless it says when.
pub(crate) fn dated(mut payload: Value) -> Value {
    if payload.get("now").is_none() {
        payload["now"] = json!(NOW);
    }
    payload
}

/// The answer of an invocation that must succeed.
pub(crate) async fn answer(sandbox: &Sandbox, payload: Value) -> Value {
    sandbox.invoke(&dated(payload)).await.expect("a process").answered().expect("an answer")
}
