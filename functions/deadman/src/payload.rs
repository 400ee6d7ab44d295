//! What deadman is invoked with: an evaluation, a ping, a pause, or pings from the queue.

use domain::heartbeat::{BeatKind, exit_status};
use jiff::Timestamp;
use runtime::{Fault, payload};
use serde::Deserialize;
use serde_json::{Map, Value};

/// An invocation, parsed at the door.
#[derive(Debug)]
pub(crate) enum Event {
    /// Decide what is missing.
    Evaluate(When),
    /// Something about one heartbeat.
    Operation(Operation, When),
    /// Messages from the queue `pings`.
    Messages(Vec<Record>),
}

/// When it is, and whether anything may change.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct When {
    /// Changes nothing.
    pub(crate) dry_run: bool,
    /// Replaces the store's clock.
    pub(crate) now: Option<Timestamp>,
    /// When the scheduler meant it to run.
    pub(crate) scheduled_at: Option<Timestamp>,
}

/// What is asked about one heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Its job tells.
    Ping(PingPayload),
    /// Nobody watches it until somebody says so.
    Pause(String),
    /// It is watched again.
    Resume(String),
}

/// What a job tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PingPayload {
    pub(crate) heartbeat: String,
    pub(crate) kind: BeatKind,
    pub(crate) run_id: Option<String>,
    pub(crate) exit_status: Option<i32>,
    pub(crate) body: Option<String>,
}

/// A message of the queue `pings`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub(crate) message_id: String,
    pub(crate) body: String,
    #[serde(default)]
    attributes: Attributes,
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>; SQS writes every attribute as text.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Attributes {
    sent_timestamp: Option<String>,
}

impl Record {
    /// When it was sent; a caller by hand may leave it out.
    pub(crate) fn sent_at(&self) -> Option<Timestamp> {
        let milliseconds = self.attributes.sent_timestamp.as_ref()?.parse().ok()?;
        Timestamp::from_millisecond(milliseconds).ok()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Payload {
    dry_run: bool,
    #[serde(deserialize_with = "payload::optional_instant")]
    now: Option<Timestamp>,
    #[serde(deserialize_with = "payload::scheduled_at")]
    scheduled_at: Option<Timestamp>,
    ping: Option<WrittenPing>,
    pause: Option<String>,
    resume: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPing {
    heartbeat: String,
    #[serde(default)]
    signal: Option<BeatKind>,
    #[serde(default)]
    run_id: Option<String>,
    #[serde(default)]
    exit_status: Option<i64>,
    #[serde(default)]
    body: Option<String>,
}

/// The longest id of a run, in characters.
const LONGEST_RUN_ID: usize = 200;

/// Reads an invocation's payload.
///
/// # Errors
/// `BadPayload` that names the field.
pub(crate) fn parse(payload: Value) -> Result<Event, Fault> {
    match payload {
        Value::Object(mut fields) if fields.contains_key("Records") => {
            let records = payload::parse_part(fields.remove("Records").unwrap_or_default());
            records.map(Event::Messages).map_err(|fault| Fault::bad_payload(format!("Records{}", fault.message)))
        }
        other => {
            for field in ["ping", "pause", "resume"] {
                if other.get(field).is_some_and(Value::is_null) {
                    return Err(Fault::bad_payload(format!("{field}: expected what it is about, not null")));
                }
            }
            let written: Payload = payload::parse(other)?;
            let when = When { dry_run: written.dry_run, now: written.now, scheduled_at: written.scheduled_at };
            Ok(match operation(written)? {
                Some(operation) => Event::Operation(operation, when),
                None => Event::Evaluate(when),
            })
        }
    }
}

/// Reads the body of a message of the queue: the same JSON that a ping by invocation has.
///
/// # Errors
/// `BadPayload` that names the field.
pub(crate) fn message(body: &str) -> Result<PingPayload, Fault> {
    let fields: Map<String, Value> = serde_json::from_str(body)
        .map_err(|error| Fault::bad_payload(format!("the message is no JSON object: {error}")))?;
    match operation(payload::parse(Value::Object(fields))?)? {
        Some(Operation::Ping(ping)) => Ok(ping),
        _ => Err(Fault::bad_payload("expected {\"ping\": {\"heartbeat\": …, \"signal\": …}}")),
    }
}

fn operation(written: Payload) -> Result<Option<Operation>, Fault> {
    let Payload { ping, pause, resume, .. } = written;
    let mut asked: Vec<Operation> = Vec::new();
    asked.extend(ping.map(read_ping).transpose()?.map(Operation::Ping));
    asked.extend(pause.map(Operation::Pause));
    asked.extend(resume.map(Operation::Resume));
    if asked.len() > 1 {
        return Err(Fault::bad_payload("expected one of ping, pause and resume, not several at once"));
    }
    Ok(asked.pop())
}

fn read_ping(written: WrittenPing) -> Result<PingPayload, Fault> {
    let WrittenPing { heartbeat, signal, run_id, exit_status: status, body } = written;
    let says = status.map(exit_status).transpose();
    let says = says.map_err(|bad| Fault::bad_payload(format!("ping.exit_status: {bad}")))?;
    let kind = match (signal, says) {
        (Some(signal), Some(says)) if signal != says => {
            return Err(Fault::bad_payload(format!(
                "ping: exit_status {} says {}, and signal says {}: leave one of them out",
                status.unwrap_or_default(),
                says.as_str(),
                signal.as_str()
            )));
        }
        (Some(kind), _) | (None, Some(kind)) => kind,
        (None, None) => {
            return Err(Fault::bad_payload("ping: missing field `signal`, expected start, success, fail or log"));
        }
    };
    if run_id.as_ref().is_some_and(|id| id.is_empty() || id.chars().count() > LONGEST_RUN_ID) {
        return Err(Fault::bad_payload(format!("ping.run_id: expected 1 to {LONGEST_RUN_ID} characters")));
    }
    let exit_status = status.and_then(|status| i32::try_from(status).ok());
    Ok(PingPayload { heartbeat, kind, run_id, exit_status, body })
}

impl When {
    /// Why nothing may change, if so.
    pub(crate) fn held_back(&self, clock: Timestamp, is_local: bool) -> Option<&'static str> {
        payload::held_back(self.dry_run, self.now, clock, is_local)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(payload: Value) -> String {
        parse(payload).expect_err("refused").message
    }

    fn ping(payload: Value) -> PingPayload {
        match parse(payload).expect("a payload") {
            Event::Operation(Operation::Ping(ping), _) => ping,
            other => panic!("no ping: {other:?}"),
        }
    }

    #[test]
    fn an_exit_status_is_success_or_failure() {
        let of = |status: i64| json!({"ping": {"heartbeat": "nightly", "exit_status": status}});
        assert_eq!(ping(of(0)).kind, BeatKind::Success);
        assert_eq!((ping(of(1)).kind, ping(of(255)).exit_status), (BeatKind::Fail, Some(255)));
        assert!(refused(of(256)).contains("ping.exit_status: 256 is no exit status"));
        assert!(refused(of(-1)).contains("ping.exit_status: -1 is no exit status"));
        let both = json!({"ping": {"heartbeat": "nightly", "signal": "success", "exit_status": 3}});
        assert!(refused(both).contains("exit_status 3 says fail, and signal says success"));
    }

    #[test]
    fn a_refusal_names_the_field() {
        for (payload, said) in [
            (json!({"pings": {}}), "pings"),
            (json!({"ping": {"heartbeat": "nightly"}}), "ping: missing field `signal`"),
            (json!({"ping": {"heartbeat": "nightly", "signal": "ok"}}), "ping.signal: unknown variant `ok`"),
            (json!({"ping": {"heartbeat": "nightly", "signal": "start", "run_id": ""}}), "ping.run_id: expected 1 to"),
            (json!({"pause": "a", "resume": "b"}), "expected one of ping, pause and resume"),
            (json!({"pause": 5}), "pause: expected a text"),
            (json!({"ping": null}), "ping: expected what it is about, not null"),
            (json!({"Records": [{"body": "{}"}]}), "Records[0]: missing field `messageId`"),
            (json!([]), "no JSON object"),
        ] {
            let message = refused(payload.clone());
            assert!(message.contains(said), "{payload} -> {message}");
        }
    }

    #[test]
    fn a_message_is_the_same_json() {
        let told = message(r#"{"ping": {"heartbeat": "nightly", "signal": "start", "run_id": "7"}}"#).expect("a ping");
        assert_eq!((told.kind, told.run_id.as_deref()), (BeatKind::Start, Some("7")));
        for (body, said) in [
            ("not json", "the message is no JSON object"),
            ("[]", "the message is no JSON object"),
            ("{}", "expected {\"ping\""),
            (r#"{"pause": "nightly"}"#, "expected {\"ping\""),
        ] {
            let fault = message(body).expect_err("refused");
            assert!(fault.message.contains(said), "{body} -> {}", fault.message);
        }
    }
}
