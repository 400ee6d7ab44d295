//! What the router is invoked with: a batch from the queue, a tick, or an operation.

pub(crate) mod operation;
pub(crate) mod said;

use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use runtime::{Fault, payload};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
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
    /// The how manieth time its queue gives it, from 1.
    pub(crate) receives: u32,
    /// Who was told of it already, while the store was gone. `None`: nobody can know, since whoever received it before may
    /// have told people and noted nothing.
    pub(crate) told: Option<Vec<domain::gone::Told>>,
}

impl Received {
    /// Whether somebody received it who noted nothing of it: it may be what killed them.
    pub(crate) fn is_suspect(&self) -> bool {
        self.receives > 1 || self.told.is_none()
    }
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

/// `{"Records": […]}`.
#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Fields<Record>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    receipt_handle: String,
    body: String,
    #[serde(default)]
    attributes: Fields<Attributes>,
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>; SQS writes every attribute as text.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Attributes {
    approximate_receive_count: Option<String>,
    sender_id: Option<String>,
    sent_timestamp: Option<String>,
}

/// A structure that is read from fields in braces, and not from a list as serde would, too.
#[derive(Default)]
struct Fields<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Fields<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Braces(PhantomData))
    }
}

struct Braces<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Braces<T> {
    type Value = Fields<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fields in braces")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Fields<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Fields)
    }
}

/// Reads an invocation's payload.
///
/// # Errors
/// `BadPayload` that names the field.
pub(crate) fn parse(payload: &str) -> Result<Event, Fault> {
    // In a storm a batch is read in one pass. Whatever is no batch, or not as it should be, is read part by part, so that a
    // refusal can name the field.
    if let Ok(Fields(Batch { records })) = serde_json::from_str(payload) {
        return Ok(Event::Messages(records.into_iter().map(|Fields(record)| Received::from(record)).collect()));
    }
    let payload = serde_json::from_str(payload)
        .map_err(|error| Fault::bad_payload(format!("the payload cannot be read: {error}")))?;
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
        let Fields(Attributes { approximate_receive_count, sender_id, sent_timestamp }) = record.attributes;
        let sent_at =
            sent_timestamp.and_then(|text| text.parse().ok()).and_then(|ms| Timestamp::from_millisecond(ms).ok());
        // Only a caller by hand leaves it out. What cannot be read is no first time.
        let receives = approximate_receive_count.map_or(1, |count| count.parse().unwrap_or(2));
        Self {
            receives,
            receipt_handle: record.receipt_handle,
            told: (receives <= 1).then(Vec::new),
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
            (json!({"Records": [["m", "r", "b"]]}), "Records[0]: expected fields in braces, not a list"),
            (json!({"Records": [{"messageId": "m", "receiptHandle": "r", "body": 5}]}), "Records[0].body: "),
            (json!(["retry", null, true, null]), "no JSON object"),
        ] {
            let fault = parse(&payload.to_string()).err().expect("refused");
            assert!(fault.message.contains(named), "{payload} -> {}", fault.message);
        }
    }
}
