//! What data-poller is invoked with: a poll, a backfill, or completion messages from the queue.

use jiff::Timestamp;
use runtime::{Fault, payload};
use serde::Deserialize;
use serde_json::Value;

/// An invocation, parsed at the door.
#[derive(Debug)]
pub(crate) enum Event {
    /// Look what upstream has published, and do what follows.
    Poll(Asked),
    /// Messages from the queue `completions`.
    Completions(Vec<Record>),
}

/// What is asked of a poll.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Asked {
    /// Only this source.
    pub(crate) source: Option<String>,
    /// Runs that failed for a known reason, too.
    #[serde(deserialize_with = "or_not")]
    pub(crate) force_retry: bool,
    /// How many hours back cycles are made up for.
    pub(crate) backfill_hours: Option<i64>,
    /// At most so many triggers.
    pub(crate) limit: Option<i64>,
    /// Changes nothing.
    #[serde(deserialize_with = "or_not")]
    pub(crate) dry_run: bool,
    /// Replaces the store's clock.
    #[serde(deserialize_with = "payload::optional_instant")]
    pub(crate) now: Option<Timestamp>,
    /// When the scheduler meant it to run.
    #[serde(deserialize_with = "payload::scheduled_at")]
    pub(crate) scheduled_at: Option<Timestamp>,
}

/// What is null is not asked for, as with every other field.
fn or_not<'de, D: serde::Deserializer<'de>>(field: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(field)?.unwrap_or_default())
}

/// A message of the queue `completions`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub(crate) message_id: String,
    pub(crate) body: String,
}

/// Reads an invocation's payload.
///
/// # Errors
/// `BadPayload` that names the field.
pub(crate) fn parse(payload: Value) -> Result<Event, Fault> {
    match payload {
        Value::Object(mut fields) if fields.contains_key("Records") => {
            let records = payload::parse_part(fields.remove("Records").unwrap_or_default());
            let told = |fault: Fault| {
                let separator = if fault.message.starts_with(['[', '.']) { "" } else { ": " };
                Fault::bad_payload(format!("Records{separator}{}", fault.message))
            };
            records.map(Event::Completions).map_err(told)
        }
        other => payload::parse(other).map(Event::Poll),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_names_the_field() {
        for (payload, said) in [
            (json!({"backfil_hours": 48}), "backfil_hours"),
            (json!({"limit": "10"}), "limit: expected a whole number"),
            (json!({"force_retry": 1}), "force_retry: expected true or false"),
            (json!({"Records": [{"body": "{}"}]}), "Records[0]: missing field `messageId`"),
            (json!({"Records": null}), "Records: "),
            (json!([]), "no JSON object"),
        ] {
            let message = parse(payload.clone()).expect_err("refused").message;
            assert!(message.contains(said), "{payload} -> {message}");
        }
    }

    #[test]
    fn what_the_runbooks_say_is_taken() {
        for payload in [
            json!({"force_retry": true}),
            json!({"backfill_hours": 48, "limit": 10}),
            json!({"force_retry": null, "dry_run": null}),
            Value::Null,
        ] {
            assert!(matches!(parse(payload), Ok(Event::Poll(_))));
        }
    }
}
