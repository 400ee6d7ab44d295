//! What the router is invoked with: a batch from the queue, a tick, or an operation.

pub(crate) mod operation;
pub(crate) mod said;

use jiff::Timestamp;
use runtime::{Fault, payload};
use serde::Deserialize;
use serde_json::{Map, Value};

use operation::Requested;

/// An invocation, parsed at the door.
pub(crate) enum Event {
    /// Messages from the `alerts` queue.
    Messages(Vec<Received>),
    /// Something to do now and then.
    Tick(Tick),
    /// Something that a person or a program asks.
    Operation(Requested),
}

/// A message with what the queue says of it.
pub(crate) struct Received {
    pub(crate) message: domain::ingest::Message,
    /// What it takes to delete it.
    pub(crate) receipt_handle: String,
    /// Whether this is the first time that anybody receives it.
    pub(crate) first_time: bool,
    /// Who was told of it already, while the store was gone.
    pub(crate) told: Vec<domain::gone::Told>,
}

/// `{"tick": "retry", …}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tick {
    /// Which one.
    pub(crate) tick: TickKind,
    /// Replaces the store's clock.
    #[serde(default, deserialize_with = "payload::optional_instant")]
    pub(crate) now: Option<Timestamp>,
    /// Changes nothing.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// When the scheduler meant it to run; ticks decide by state alone, and write it into the ledger.
    #[serde(default, deserialize_with = "payload::scheduled_at")]
    pub(crate) scheduled_at: Option<Timestamp>,
}

/// What a tick does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TickKind {
    /// Sends what stands in the outbox and what deliveries are due; closes what has expired.
    Retry,
    /// Compares CloudWatch's alarms with the record.
    Reconcile,
    /// Sends a signal that walks the whole way and tells nobody.
    Synthetic,
    /// Sums up what was suppressed.
    Digest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    receipt_handle: String,
    body: String,
    #[serde(default)]
    attributes: Attributes,
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>; SQS writes every attribute as text.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Attributes {
    approximate_receive_count: Option<String>,
    sender_id: Option<String>,
    sent_timestamp: Option<String>,
}

/// Reads an invocation's payload.
///
/// # Errors
/// `BadPayload` that names the field.
pub(crate) fn parse(payload: Value) -> Result<Event, Fault> {
    match payload {
        Value::Object(mut fields) if fields.contains_key("Records") => {
            let records_are_list = fields["Records"].is_array();
            let records: Vec<Record> =
                payload::parse_part(fields.remove("Records").unwrap_or_default()).map_err(|fault| {
                    let (at, separator) = (fault.message, if records_are_list { "" } else { ": " });
                    Fault::bad_payload(format!("Records{separator}{at}"))
                })?;
            Ok(Event::Messages(records.into_iter().map(Received::from).collect()))
        }
        Value::Object(fields) if only_tick(&fields) => payload::parse(Value::Object(fields)).map(Event::Tick),
        Value::Object(fields) => operation::parse(fields).map(Event::Operation),
        Value::Null => operation::parse(Map::new()).map(Event::Operation),
        other => payload::parse(other).map(Event::Tick),
    }
}

/// Whether it asks for a tick, and for nothing else that could be asked.
fn only_tick(fields: &Map<String, Value>) -> bool {
    fields.contains_key("tick") && operation::OPERATIONS.iter().filter(|name| fields.contains_key(**name)).count() == 1
}

impl From<Record> for Received {
    fn from(record: Record) -> Self {
        let Attributes { approximate_receive_count, sender_id, sent_timestamp } = record.attributes;
        let sent_at =
            sent_timestamp.and_then(|text| text.parse().ok()).and_then(|ms| Timestamp::from_millisecond(ms).ok());
        Self {
            first_time: approximate_receive_count.is_none_or(|count| count == "1"),
            receipt_handle: record.receipt_handle,
            told: Vec::new(),
            message: domain::ingest::Message {
                message_id: record.message_id,
                sender_id,
                // Only a caller by hand leaves it out; the oldest instant never outdates what a source really said.
                sent_at: sent_at.unwrap_or(Timestamp::UNIX_EPOCH),
                body: record.body,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_refusal_names_the_field() {
        for (payload, named) in [
            (json!({}), "tick"),
            (
                json!({"tick": "digset"}),
                "tick: unknown variant `digset`, expected one of `retry`, `reconcile`, `synthetic`",
            ),
            (json!({"tick": "retry", "dryrun": true}), "dryrun"),
            (json!({"tick": "retry", "now": 5}), "now: "),
            (json!({"Records": [{"messageId": "m", "body": "b"}]}), "Records[0]: missing field `receiptHandle`"),
            (json!(["retry", null, true, null]), "no JSON object"),
        ] {
            let fault = parse(payload.clone()).err().expect("refused");
            assert!(fault.message.contains(named), "{payload} -> {}", fault.message);
        }
    }
}
