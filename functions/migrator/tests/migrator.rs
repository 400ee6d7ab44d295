//! The actual migrator, as CloudFormation and as people invoke it.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_ssm::types::ParameterType;
use serde_json::{Value, json};
use testkit::binaries::{binary, workspace};
use testkit::emulator::{Access, Emulator, REGION};
use testkit::postgres::Postgres;
use testkit::receivers::{Behaviour, Receivers};
use testkit::runtime_api::{Options, Outcome, Sandbox};
use testkit::samples::samples;

struct World {
    access: Access,
    url: String,
    receivers: Receivers,
}

impl World {
    async fn new(database: &str) -> Self {
        let world = Self {
            access: Emulator::shared("migrator").access(&Emulator::fresh_account()),
            url: Postgres::shared().create_database(database).expect("a database"),
            receivers: Receivers::start().await.expect("somebody who takes answers"),
        };
        world.put("database/url", &world.url).await;
        world
    }

    async fn put(&self, name: &str, value: &str) {
        let credentials = aws_sdk_ssm::config::Credentials::new(&self.access.account, "test", None, None, "tests");
        let aws = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(&self.access.endpoint)
            .credentials_provider(credentials)
            .load()
            .await;
        let ssm = aws_sdk_ssm::Client::new(&aws);
        let put = ssm.put_parameter().name(format!("/local/watchkeeper/{name}")).value(value).overwrite(true);
        put.r#type(ParameterType::SecureString).send().await.expect("a parameter");
    }

    async fn migrator(&self, extra: &[(&str, &str)]) -> Sandbox {
        let mut environment = self.access.variables();
        let watch_file = workspace().join("config/local.toml").to_string_lossy().into_owned();
        environment.extend([("ENVIRONMENT", "local".to_owned()), ("WATCH_FILE", watch_file)]);
        environment.retain(|(name, _)| !extra.iter().any(|(other, _)| other == name));
        environment.extend(extra.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let options = Options { timeout: Duration::from_secs(20), ..Options::default() };
        Sandbox::start(&binary("migrator").expect("it is built"), environment, options).await.expect("it starts")
    }

    /// What CloudFormation sends; it takes the answer at an address of the fake receivers.
    fn request(&self, kind: &str) -> Value {
        json!({
            "RequestType": kind, "ResponseURL": self.receivers.hook_url(), "StackId": "stack", "RequestId": "request",
            "ResourceType": "Custom::Migration", "LogicalResourceId": "Migration",
            "ResourceProperties": {"ServiceToken": "arn", "Release": "7"},
        })
    }

    /// The answers that CloudFormation got.
    fn answers(&self) -> Vec<Value> {
        self.receivers.received_by("webhook").into_iter().map(|request| request.json).collect()
    }

    async fn version(&self) -> i32 {
        let connection = store::Connection::open(&self.url.as_str().into(), None).await.expect("a connection");
        store::migrations::version(&connection.client).await.expect("a version").0
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_migrates_and_is_answered() {
    let world = World::new("deployment").await;
    let migrator = world.migrator(&[]).await;
    for kind in ["Create", "Update"] {
        let outcome = migrator.invoke(&world.request(kind)).await.expect("a process");
        assert_eq!(outcome, Outcome::Answered(Value::Null), "{}", migrator.output());
    }
    assert_eq!(world.version().await, store::migrations::NEEDED);
    let answers = world.answers();
    assert_eq!(answers.len(), 2);
    for answer in answers {
        assert_eq!(answer["Status"], "SUCCESS");
        assert_eq!(answer["PhysicalResourceId"], "watchkeeper-schema", "a changed one would mean replacement");
        assert_eq!((&answer["StackId"], &answer["RequestId"]), (&json!("stack"), &json!("request")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_with_a_wrong_watch_file_is_refused_before_the_schema_changes() {
    let world = World::new("wrong_watch_file").await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "namespase = \"X\"\n").expect("written");
    let migrator = world.migrator(&[("WATCH_FILE", file.path().to_str().expect("a path"))]).await;
    let outcome = migrator.invoke(&world.request("Update")).await.expect("a process");
    assert_eq!(outcome, Outcome::Answered(Value::Null), "it is the deployment that fails, not the invocation");
    let answer = &world.answers()[0];
    assert_eq!(answer["Status"], "FAILED");
    let reason = answer["Reason"].as_str().expect("a reason");
    assert!(reason.contains("namespase") && reason.contains("BadConfig"), "{reason}");
    assert_eq!(world.version().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_is_answered_before_the_deadline() {
    let world = World::new("hanging").await;
    let holder = store::Connection::open(&world.url.as_str().into(), None).await.expect("a connection");
    store::migrations::migrate(&holder.client, None).await.expect("migrated");
    let lock = "begin; lock table watchkeeper.schema_migrations in access exclusive mode";
    holder.client.batch_execute(lock).await.expect("locked");
    let migrator = world.migrator(&[]).await;
    let short = migrator.invoke_timed(&world.request("Update"), Duration::from_secs(8)).await.expect("a process");
    assert_eq!(short.outcome, Outcome::Answered(Value::Null));
    let answer = &world.answers()[0];
    assert_eq!(answer["Status"], "FAILED");
    assert!(answer["Reason"].as_str().expect("a reason").contains("did not finish"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_is_removable_without_its_database() {
    let world = World::new("removal").await;
    world.put("database/url", "postgres://nobody@127.0.0.1:1/gone").await;
    let migrator = world.migrator(&[]).await;
    let outcome = migrator.invoke(&world.request("Delete")).await.expect("a process");
    assert_eq!(outcome, Outcome::Answered(Value::Null));
    assert_eq!(world.answers()[0]["Status"], "SUCCESS");
    assert_eq!(world.version().await, 0, "and nothing is touched");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_taken_is_tried_again_and_then_fails_the_invocation() {
    let world = World::new("answers").await;
    let migrator = world.migrator(&[]).await;
    world.receivers.behave(Behaviour::answer("webhook", 503).times(2));
    let outcome = migrator.invoke(&world.request("Delete")).await.expect("a process");
    assert_eq!(outcome, Outcome::Answered(Value::Null));
    assert_eq!(world.answers().len(), 3);
    world.receivers.behave(Behaviour::answer("webhook", 503).times(100));
    let outcome = migrator.invoke(&world.request("Delete")).await.expect("a process");
    assert!(matches!(outcome, Outcome::Failed { .. }), "Lambda has to invoke again: {outcome}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_any_statement_the_next_run_finishes() {
    let world = World::new("crashes").await;
    let mut points = 0;
    loop {
        let database = format!("crash_{points}");
        let url = Postgres::shared().create_database(&database).expect("a database");
        world.put("database/url", &url).await;
        let at = (points + 1).to_string();
        let doomed = world.migrator(&[("FAILPOINT_ABORT_AT", &at)]).await;
        match doomed.invoke(&json!({})).await.expect("a process") {
            Outcome::Died { .. } => points += 1,
            Outcome::Answered(_) => break,
            other => panic!("{other}\n{}", doomed.output()),
        }
        let sound = world.migrator(&[]).await;
        sound.invoke(&json!({})).await.expect("a process").answered().expect("it finishes");
        let connection = store::Connection::open(&url.as_str().into(), None).await.expect("a connection");
        store::migrations::require(&connection.client).await.expect("the schema is there");
    }
    println!("killed at {points} points; each time the next run finished");
    assert!(points >= 10, "{points}");
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_succeed_in_any_order_and_twice_and_refused_ones_are_refused_by_name() {
    let world = World::new("samples").await;
    let migrator = world.migrator(&[]).await;
    let good = samples("events/migrator").expect("samples");
    for (name, event) in good.iter().chain(good.iter().rev()) {
        let outcome = migrator.invoke(event).await.expect("a process");
        let summary = outcome.answered().expect(name);
        assert_eq!((&summary["function"], &summary["outcome"]), (&json!("migrator"), &json!("ok")), "{summary}");
    }
    for (field, event) in samples("events/invalid/migrator").expect("samples") {
        match migrator.invoke(&event).await.expect("a process") {
            Outcome::Failed { error_type, message } => {
                assert_eq!(error_type, "BadPayload");
                assert!(message.contains(&field), "{message}");
            }
            other => panic!("{field}: {other}"),
        }
    }
}
