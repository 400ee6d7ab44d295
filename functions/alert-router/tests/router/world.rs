//! Everything a router under test meets, new for each test; the servers behind it are shared by all.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, MessageAttributeValue};
use aws_sdk_ssm::types::ParameterType;
use serde_json::{Value, json};
use testkit::binaries::{binary, workspace};
use testkit::emulator::{Access, Emulator, REGION};
use testkit::pgbouncer::PgBouncer;
use testkit::postgres::Postgres;
use testkit::proxy::Proxy;
use testkit::receivers::Receivers;
use testkit::runtime_api::{Options, Outcome, Sandbox};
use tokio_postgres::SimpleQueryMessage;

pub(crate) struct World {
    pub(crate) receivers: Receivers,
    /// The database itself, for the test's own eyes.
    pub(crate) database_url: String,
    /// The way on which functions reach it: as strict as a transaction pooler, or with one behind it; and breakable.
    pub(crate) proxy: Proxy,
    pub(crate) queue_url: String,
    held_queue_url: String,
    pages_queue_url: String,
    self_queue_url: String,
    topic_arn: String,
    self_topic_arn: String,
    access: Access,
    aws: SdkConfig,
    // One client of each kind: every new one sets up TLS and connects anew.
    sqs: aws_sdk_sqs::Client,
    ssm: aws_sdk_ssm::Client,
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

/// A migrated database of its own.
async fn database() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("world_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    Postgres::shared().clone_database(template().await, &name).expect("a database")
}

/// `HOST:PORT` of a database's address.
fn server_of(url: &str) -> &str {
    url.split(['@', '/']).find(|part| part.starts_with("127.0.0.1:")).expect("a server")
}

async fn migrate(url: &str) {
    let connection = store::Connection::open(&url.into(), None).await.expect("a connection");
    store::migrations::migrate(&connection.client, None).await.expect("migrated");
}

impl World {
    pub(crate) async fn new() -> Self {
        let Some(pooler) = PgBouncer::asked_for() else { return Self::without_pooler().await };
        let proxy = Proxy::lenient(&pooler.address()).await.expect("a proxy");
        Self::on(database().await, proxy).await
    }

    /// A world in which the server hears what its proxy passes on, whatever these tests run through.
    pub(crate) async fn without_pooler() -> Self {
        let url = database().await;
        let proxy = Proxy::strict(server_of(&url)).await.expect("a proxy");
        Self::on(url, proxy).await
    }

    /// A world with a Postgres of its own, to be stopped and paused. No pooler is in the way: it would hide what became of
    /// the server.
    pub(crate) async fn with_own_postgres() -> (Postgres, Self) {
        let postgres = Postgres::start().expect("a Postgres");
        let url = postgres.create_database("world").expect("a database");
        migrate(&url).await;
        let proxy = Proxy::strict(server_of(&url)).await.expect("a proxy");
        (postgres, Self::on(url, proxy).await)
    }

    async fn on(database_url: String, proxy: Proxy) -> Self {
        let access = Emulator::shared("alert-router").access(&Emulator::fresh_account());
        let credentials = aws_sdk_ssm::config::Credentials::new(&access.account, "test", None, None, "tests");
        let aws = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(&access.endpoint)
            .credentials_provider(credentials)
            .load()
            .await;
        let receivers = Receivers::start().await.expect("fake receivers");
        let sqs = aws_sdk_sqs::Client::new(&aws);
        let queue = async |name: &str| {
            let made = sqs.create_queue().queue_name(name).send().await.expect("a queue");
            made.queue_url.expect("its URL")
        };
        let sns = aws_sdk_sns::Client::new(&aws);
        // A topic, and the queue of its name that is subscribed to it.
        let topic = async |name: &str| {
            let queue_url = queue(name).await;
            let arn = sns.create_topic().name(name).send().await.expect("a topic").topic_arn.expect("its ARN");
            let queue_arn = format!("arn:aws:sqs:{REGION}:{}:{name}", access.account);
            let subscribing = sns.subscribe().topic_arn(&arn).protocol("sqs").endpoint(queue_arn);
            subscribing.send().await.expect("a subscription");
            (arn, queue_url)
        };
        let (queue_url, held_queue_url, (topic_arn, pages_queue_url), (self_topic_arn, self_queue_url)) =
            tokio::join!(queue("alerts"), queue("alerts-held"), topic("pages"), topic("self"));
        let world = Self {
            receivers,
            database_url,
            proxy,
            queue_url,
            held_queue_url,
            pages_queue_url,
            self_queue_url,
            topic_arn,
            self_topic_arn,
            access,
            ssm: aws_sdk_ssm::Client::new(&aws),
            aws,
            sqs,
        };
        let behind_proxy = world.proxy.url(&world.database_url).expect("an address");
        let parameters = [
            ("database/url", behind_proxy),
            ("receivers/pagerduty", "0123456789abcdef0123456789abcdef".to_owned()),
            ("receivers/pagerduty_url", world.receivers.pagerduty_url()),
            ("receivers/hook_url", world.receivers.hook_url()),
            ("receivers/slack", world.receivers.slack_url()),
            ("receivers/telegram_token", "1000000000:local-bot-token-0000000000000".to_owned()),
            ("receivers/telegram_url", world.receivers.telegram_url()),
        ];
        futures::future::join_all(parameters.iter().map(|(name, value)| world.put_parameter(name, value))).await;
        world
    }

    pub(crate) async fn put_parameter(&self, name: &str, value: &str) {
        let ssm = &self.ssm;
        let name = format!("/local/watchkeeper/{name}");
        let put = ssm.put_parameter().name(name).value(value).overwrite(true);
        put.r#type(ParameterType::SecureString).send().await.expect("a parameter");
    }

    pub(crate) async fn delete_parameter(&self, name: &str) {
        let ssm = &self.ssm;
        let name = format!("/local/watchkeeper/{name}");
        ssm.delete_parameter().name(name).send().await.expect("deleted");
    }

    /// Gives another environment the same parameter.
    pub(crate) async fn copy_parameter(&self, name: &str, environment: &str) {
        let ssm = &self.ssm;
        let found = ssm.get_parameter().name(format!("/local/watchkeeper/{name}")).with_decryption(true).send().await;
        let value = found.expect("the parameter").parameter.and_then(|parameter| parameter.value).expect("its value");
        let put = ssm.put_parameter().name(format!("/{environment}/watchkeeper/{name}")).value(value);
        put.r#type(ParameterType::SecureString).send().await.expect("a parameter");
    }

    pub(crate) async fn router(&self) -> Sandbox {
        self.router_with(&[], Options::default()).await
    }

    pub(crate) async fn router_with(&self, extra: &[(&str, &str)], options: Options) -> Sandbox {
        let mut environment = self.access.variables();
        let watch_file = workspace().join("config/local.toml");
        environment.extend([
            ("ENVIRONMENT", "local".to_owned()),
            ("ALERTS_QUEUE_URL", self.queue_url.clone()),
            ("ALERTS_HELD_QUEUE_URL", self.held_queue_url.clone()),
            ("PAGES_TOPIC_ARN", self.topic_arn.clone()),
            ("SELF_TOPIC_ARN", self.self_topic_arn.clone()),
            ("ALARMS_TOPIC_ARN", self.alarms_topic_arn()),
            ("WATCH_FILE", watch_file.to_string_lossy().into_owned()),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
        ]);
        // What a test says about a variable stands.
        environment.retain(|(name, _)| !extra.iter().any(|(other, _)| other == name));
        environment.extend(extra.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let binary: &Path = &binary("alert-router").expect("the router is built");
        Sandbox::start(binary, environment, options).await.expect("the router starts")
    }

    /// The other function that reads the same secrets and writes the same record.
    pub(crate) async fn healthcheck_with(&self, extra: &[(&str, &str)]) -> Sandbox {
        let mut environment = self.access.variables();
        let watch_file = workspace().join("config/local.toml");
        environment.extend([
            ("ENVIRONMENT", "local".to_owned()),
            ("ALERTS_QUEUE_URL", self.queue_url.clone()),
            ("PAGES_TOPIC_ARN", self.topic_arn.clone()),
            ("SELF_TOPIC_ARN", self.topic_arn.clone()),
            ("WATCH_FILE", watch_file.to_string_lossy().into_owned()),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
        ]);
        environment.extend(extra.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let binary: &Path = &binary("healthcheck").expect("healthcheck is built");
        Sandbox::start(binary, environment, Options::default()).await.expect("healthcheck starts")
    }

    /// The topic that alarms notify. Nobody is subscribed to it: every notification is lost.
    pub(crate) fn alarms_topic_arn(&self) -> String {
        format!("arn:aws:sns:{REGION}:{}:alarms", self.access.account)
    }

    pub(crate) fn cloudwatch(&self) -> aws_sdk_cloudwatch::Client {
        aws_sdk_cloudwatch::Client::new(&self.aws)
    }

    /// Where the emulator answers: `127.0.0.1:PORT`.
    pub(crate) fn aws_address(&self) -> &str {
        self.access.endpoint.trim_start_matches("http://")
    }

    /// So many minutes from now by the store's clock.
    pub(crate) async fn in_minutes(&self, minutes: usize) -> String {
        let instant = format!("(now() + interval '{minutes} minutes') at time zone 'utc'");
        let sql = format!("select to_char({instant}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
        self.column(&sql).await.remove(0)
    }

    /// The rows that a query gives, as text; null is `-`.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let connection = store::Connection::open(&self.database_url.as_str().into(), None).await.expect("a connection");
        let answer = connection.client.simple_query(sql).await.expect(sql);
        let rows = answer.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.map(|row| (0..row.len()).map(|n| row.get(n).unwrap_or("-").to_owned()).collect()).collect()
    }

    /// The first column of the rows that a query gives.
    pub(crate) async fn column(&self, sql: &str) -> Vec<String> {
        self.rows(sql).await.into_iter().map(|mut row| row.remove(0)).collect()
    }

    /// Decision and reason of every signal, in the order in which they were received.
    pub(crate) async fn decisions(&self) -> Vec<String> {
        self.column("select concat_ws('/', decision, reason) from watchkeeper.signals order by received_at, signal_id")
            .await
    }

    /// `key-severity status triggers` of every incident at PagerDuty.
    pub(crate) fn incidents(&self) -> Vec<String> {
        let incidents = self.receivers.incidents();
        let describe = |incident: &testkit::pagerduty::Incident| {
            let incident = serde_json::to_value(incident).expect("JSON");
            let key = incident["dedup_key"].as_str().and_then(|key| key.split(':').nth(1)).unwrap_or("?").to_owned();
            format!("{key} {} {}", incident["status"].as_str().unwrap_or("?"), incident["triggers"])
        };
        incidents.iter().map(describe).collect()
    }

    /// Subjects of the mails that people got through the topic `pages`, since the last look.
    pub(crate) async fn mails(&self) -> Vec<String> {
        self.subjects(&self.pages_queue_url).await
    }

    /// Subjects of the mails that the operator got through the topic `self`, since the last look.
    pub(crate) async fn mails_to_operator(&self) -> Vec<String> {
        self.subjects(&self.self_queue_url).await
    }

    /// Whole mails, as SNS hands them out, since the last look.
    pub(crate) async fn mail_envelopes(&self) -> Vec<Value> {
        self.envelopes(&self.pages_queue_url).await
    }

    async fn subjects(&self, queue_url: &str) -> Vec<String> {
        let envelopes = self.envelopes(queue_url).await;
        envelopes.iter().map(|envelope| envelope["Subject"].as_str().unwrap_or("?").to_owned()).collect()
    }

    async fn envelopes(&self, queue_url: &str) -> Vec<Value> {
        let sqs = &self.sqs;
        let mut envelopes = Vec::new();
        loop {
            let some = sqs.receive_message().queue_url(queue_url).max_number_of_messages(10).send().await;
            let some = some.expect("the queue answers").messages.unwrap_or_default();
            if some.is_empty() {
                return envelopes;
            }
            let mut deleting = sqs.delete_message_batch().queue_url(queue_url);
            for (n, message) in some.into_iter().enumerate() {
                envelopes.push(serde_json::from_str(message.body().unwrap_or("{}")).expect("an SNS envelope"));
                let entry = DeleteMessageBatchRequestEntry::builder().id(n.to_string());
                let entry = entry.receipt_handle(message.receipt_handle.unwrap_or_default());
                deleting = deleting.entries(entry.build().expect("an entry"));
            }
            let failed = deleting.send().await.expect("deleted").failed;
            assert!(failed.is_empty(), "{failed:?}");
        }
    }

    /// Puts a message on the queue and receives it, as the event source mapping would.
    pub(crate) async fn through_the_queue(&self, body: &str) -> Value {
        let sqs = &self.sqs;
        sqs.send_message().queue_url(&self.queue_url).message_body(body).send().await.expect("sent");
        self.next_message().await
    }

    /// Receives a message that waits, as the event source mapping would.
    pub(crate) async fn next_message(&self) -> Value {
        let sqs = &self.sqs;
        let some = sqs.receive_message().queue_url(&self.queue_url).send().await.expect("received");
        let message = some.messages.unwrap_or_default().remove(0);
        json!({
            "messageId": message.message_id, "receiptHandle": message.receipt_handle, "body": message.body,
            "attributes": {"ApproximateReceiveCount": "1", "SenderId": "AIDATEST", "SentTimestamp": "1772344800000"},
        })
    }

    /// How many messages the `alerts` queue holds, in flight or not.
    pub(crate) async fn queued(&self) -> usize {
        self.depth(&self.queue_url).await
    }

    /// How many messages wait for the record.
    pub(crate) async fn held(&self) -> usize {
        self.depth(&self.held_queue_url).await
    }

    /// What waits for the record: each message's body, attributes and note. Everybody else sees it, too.
    pub(crate) async fn held_messages(&self) -> Vec<HeldMessage> {
        let sqs = &self.sqs;
        let looking = sqs.receive_message().queue_url(&self.held_queue_url).message_attribute_names("All");
        let some = looking.max_number_of_messages(10).visibility_timeout(0).send().await.expect("the queue answers");
        let mut held: Vec<HeldMessage> = some.messages.unwrap_or_default().into_iter().map(HeldMessage::of).collect();
        held.sort_by(|one, other| one.attributes["message_id"].cmp(&other.attributes["message_id"]));
        held
    }

    /// Puts messages where they wait for the record.
    pub(crate) async fn hold(&self, messages: &[HeldMessage]) {
        let sqs = &self.sqs;
        for HeldMessage { body, attributes } in messages {
            let mut sending = sqs.send_message().queue_url(&self.held_queue_url).message_body(body);
            for (name, value) in attributes {
                let text = MessageAttributeValue::builder().data_type("String").string_value(value);
                sending = sending.message_attributes(name, text.build().expect("an attribute"));
            }
            sending.send().await.expect("sent");
        }
    }

    /// Takes away the queue in which messages wait.
    pub(crate) async fn delete_held_queue(&self) {
        let sqs = &self.sqs;
        sqs.delete_queue().queue_url(&self.held_queue_url).send().await.expect("deleted");
    }

    async fn depth(&self, queue_url: &str) -> usize {
        use aws_sdk_sqs::types::QueueAttributeName::{
            ApproximateNumberOfMessages as Waiting, ApproximateNumberOfMessagesNotVisible as InFlight,
        };
        let sqs = &self.sqs;
        let asking = sqs.get_queue_attributes().queue_url(queue_url).attribute_names(Waiting).attribute_names(InFlight);
        let attributes = asking.send().await.expect("attributes").attributes.unwrap_or_default();
        attributes.values().filter_map(|count| count.parse::<usize>().ok()).sum()
    }
}

/// A message that waits for the record.
pub(crate) struct HeldMessage {
    pub(crate) body: String,
    pub(crate) attributes: BTreeMap<String, String>,
}

impl HeldMessage {
    fn of(message: aws_sdk_sqs::types::Message) -> Self {
        let attributes = message.message_attributes.unwrap_or_default().into_iter();
        let texts = attributes.map(|(name, value)| (name, value.string_value.expect("a text")));
        Self { body: message.body.expect("a body"), attributes: texts.collect() }
    }

    /// `receiver notice outcome` of each entry of its note.
    pub(crate) fn told(&self) -> Vec<String> {
        let note: Vec<Value> = serde_json::from_str(&self.attributes["told"]).expect("a list");
        let word = |entry: &Value, name: &str| entry[name].as_str().expect("a text").to_owned();
        let describe = |entry: &Value| ["receiver", "notice", "outcome"].map(|name| word(entry, name)).join(" ");
        note.iter().map(describe).collect()
    }
}

/// Invokes and expects every message to be recorded.
pub(crate) async fn accepts(router: &Sandbox, event: Value) {
    let outcome = router.invoke(&event).await.expect("a process");
    assert_eq!(outcome, Outcome::Answered(json!({"batchItemFailures": []})), "{}", router.output());
}

/// Runs a retry tick at `now`, or by the store's clock.
pub(crate) async fn retry(router: &Sandbox, now: Option<&str>) -> Value {
    let mut tick = json!({"tick": "retry"});
    if let Some(now) = now {
        tick["now"] = json!(now);
    }
    let outcome = router.invoke(&tick).await.expect("a process");
    outcome.answered().unwrap_or_else(|error| panic!("{error:#}\n{}", router.output()))
}
