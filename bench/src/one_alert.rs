//! One alert through the warm router: from the message's arrival to the request at the receiver, beside the floor of
//! one INSERT and one POST by the same client stack.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use aws_sdk_sqs::types::{MessageSystemAttributeName, SendMessageBatchRequestEntry};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testkit::runtime_api::Sandbox;
use tokio_postgres::types::Type;

use crate::memory;
use crate::stats::Samples;
use crate::table::Row;
use crate::world::{Subject, World};

/// Enough for a p99 of three values.
const ALERTS: usize = 300;
/// Alerts that go through before the first is measured.
const WARM_UP: usize = 20;
/// Most messages of one batch: SQS hands out no more.
const BATCH: usize = 10;

/// The rows of the alert's way and of the memory that the router holds after it.
pub(crate) async fn measure(world: &World, router: &Subject) -> anyhow::Result<Vec<Row>> {
    let sandbox = world.sandbox(router).await?;
    sandbox.first_poll().await?;
    let messages = enqueue(world, WARM_UP + ALERTS).await?;
    let mut times = Vec::new();
    let mut early = None;
    for (n, message) in messages.iter().enumerate() {
        let time = one(world, &sandbox, message).await.with_context(|| format!("alert {n}"))?;
        if n >= WARM_UP {
            times.push(time);
        }
        if n == WARM_UP {
            early = Some(memory_of(&sandbox)?.resident);
        }
    }
    let memory = memory_of(&sandbox)?;
    let floor = Samples::new(floor(world).await?);
    let times = Samples::new(times);
    let early = early.unwrap_or(f64::NAN);
    Ok(vec![
        Row::new("alert-router: one alert, message in to request out, p50", times.median(), "ms")
            .peer("INSERT + POST", floor.median()),
        Row::new("alert-router: one alert, message in to request out, p99", times.percentile(99), "ms")
            .note(format!("{ALERTS} alerts, largest {:.1}", times.largest()))
            .budget(15.0)
            .peer("INSERT + POST", floor.percentile(99)),
        Row::new("alert-router: peak memory after these alerts", memory.peak, "MiB")
            .note(format!("resident {early:.1} after the first {WARM_UP}, {:.1} at the end", memory.resident))
            .budget(128.0),
    ])
}

/// Milliseconds until the receiver had the request.
async fn one(world: &World, sandbox: &Sandbox, message: &Value) -> anyhow::Result<f64> {
    world.receivers.clear();
    let before = now();
    let outcome = sandbox.invoke(&json!({"Records": [message]})).await?;
    outcome.answered().with_context(|| sandbox.output())?;
    arrival(world, before)
}

/// The same by hand: what no router can do without.
async fn floor(world: &World) -> anyhow::Result<Vec<f64>> {
    let (database, connection) = tokio_postgres::connect(&world.database_url, tokio_postgres::NoTls).await?;
    let driving = tokio::spawn(connection);
    database.batch_execute("create table floor (id bigint generated always as identity, body text not null)").await?;
    // A connection of its own for each request, as the router's: a frozen sandbox keeps none.
    let http = reqwest::Client::builder().pool_max_idle_per_host(0).no_proxy().build().context("making a client")?;
    let event = json!({
        "routing_key": "0123456789abcdef0123456789abcdef",
        "event_action": "trigger",
        "payload": {"summary": "the floor", "source": "bench", "severity": "error"},
    });
    let body = event.to_string();
    let mut times = Vec::new();
    for n in 0..WARM_UP + ALERTS {
        world.receivers.clear();
        let before = now();
        database.execute_typed("insert into floor (body) values ($1)", &[(&body, Type::TEXT)]).await?;
        let request = http.post(world.receivers.pagerduty_url()).header("content-type", "application/json");
        request.body(body.clone()).send().await?.error_for_status()?;
        if n >= WARM_UP {
            times.push(arrival(world, before)?);
        }
    }
    drop(database);
    driving.abort();
    Ok(times)
}

fn arrival(world: &World, before: Timestamp) -> anyhow::Result<f64> {
    let received = world.receivers.received();
    ensure!(received.len() == 1, "expected one request at the receiver, got {}", received.len());
    let took: SignedDuration = received[0].at.duration_since(before);
    Ok(took.as_secs_f64() * 1_000.0)
}

/// Sends so many alerts through SQS and takes them out again as Lambda would, one event record each, so that the router
/// meets receipt handles it can delete by.
async fn enqueue(world: &World, count: usize) -> anyhow::Result<Vec<Value>> {
    let sqs = world.sqs();
    for first in (0..count).step_by(BATCH) {
        let mut batch = sqs.send_message_batch().queue_url(&world.queue_url);
        for n in first..(first + BATCH).min(count) {
            let entry = SendMessageBatchRequestEntry::builder().id(n.to_string()).message_body(alert(n).to_string());
            batch = batch.entries(entry.build().context("writing a batch entry")?);
        }
        batch.send().await.context("sending alerts to the queue")?;
    }
    let mut records = HashMap::new();
    while records.len() < count {
        let receive = sqs.receive_message().queue_url(&world.queue_url).max_number_of_messages(10);
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All).visibility_timeout(3_600);
        let received = receive.send().await.context("receiving alerts from the queue")?.messages.unwrap_or_default();
        ensure!(!received.is_empty(), "the queue is empty after {} of {count} messages", records.len());
        for message in received {
            let attributes: HashMap<String, String> = message
                .attributes
                .unwrap_or_default()
                .into_iter()
                .map(|(name, value)| (name.as_str().to_owned(), value))
                .collect();
            let id = message.message_id.unwrap_or_default();
            let record = json!({
                "messageId": id,
                "receiptHandle": message.receipt_handle,
                "body": message.body,
                "attributes": attributes,
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:alerts",
                "awsRegion": "eu-central-1",
            });
            records.insert(id, record);
        }
    }
    Ok(records.into_values().collect())
}

/// A signal of a condition of its own, so that each opens an alert.
fn alert(n: usize) -> Value {
    json!({
        "id": format!("bench-{n}"),
        "source": "bench",
        "kind": "bench",
        "subject": format!("subject-{n}"),
        "status": "firing",
        "severity": "HIGH",
        "summary": "orders are 12 minutes old",
        "labels": {"n": n.to_string()},
        "details": {},
        "occurred_at": now().to_string(),
    })
}

fn memory_of(sandbox: &Sandbox) -> anyhow::Result<memory::Memory> {
    memory::of(sandbox.pid().context("the router has ended")?)
}

#[expect(clippy::disallowed_methods, reason = "compared with the receiver's clock, which is this one")]
fn now() -> Timestamp {
    Timestamp::now()
}
