//! Alerts to measure with: sent through SQS and taken out again, as Lambda does before it invokes the router.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use aws_sdk_sqs::types::{MessageSystemAttributeName, SendMessageBatchRequestEntry};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::world::World;

/// Most messages of one batch: SQS hands out no more.
pub(crate) const BATCH: usize = 10;

/// Sends so many alerts through SQS and takes them out again as Lambda would, one event record each, so that the router
/// meets receipt handles it can delete by.
pub(crate) async fn enqueue(world: &World, series: &str, count: usize) -> anyhow::Result<Vec<Value>> {
    let sqs = world.sqs();
    for first in (0..count).step_by(BATCH) {
        let mut batch = sqs.send_message_batch().queue_url(&world.queue_url);
        for n in first..(first + BATCH).min(count) {
            let entry =
                SendMessageBatchRequestEntry::builder().id(n.to_string()).message_body(alert(series, n).to_string());
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
fn alert(series: &str, n: usize) -> Value {
    json!({
        "id": format!("{series}-{n}"),
        "source": "bench",
        "kind": "bench",
        "subject": format!("{series}-{n}"),
        "status": "firing",
        "severity": "HIGH",
        "summary": "orders are 12 minutes old",
        "labels": {"n": n.to_string()},
        "details": {},
        "occurred_at": now().to_string(),
    })
}

/// The time of day, to compare with the receivers'.
#[expect(clippy::disallowed_methods, reason = "compared with the receiver's clock, which is this one")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
