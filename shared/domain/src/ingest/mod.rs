//! Turns a message, in whatever shape and transport it came, into signals. Nothing is refused: what no reader
//! understands becomes an `unparsed` signal, so that somebody hears of it and nothing is lost.

mod alarm;
mod alertmanager;
mod claim;
mod cost;
mod fields;
mod invocation;
mod native;
mod repair;
mod transport;
mod unparsed;

use jiff::Timestamp;
use uuid::Uuid;

use crate::classify::{self, Facts};
use crate::fingerprint::{Fingerprint, Labels, hex};
use crate::policy::Policy;
use crate::severity::Severity;
use crate::signal::{Signal, SignalStatus};
use sha2::{Digest, Sha256};
pub use transport::sender;

/// A message as the queue hands it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The queue's own id of it.
    pub message_id: String,
    /// The principal that sent it (SQS attribute `SenderId`), where known.
    pub sender_id: Option<String>,
    /// When the queue took it (SQS attribute `SentTimestamp`).
    pub sent_at: Timestamp,
    /// As received.
    pub body: String,
}

/// Why a reader that recognised a shape could not make a signal of it; the sentence goes into the `unparsed` notice.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct Malformed(String);

/// What a reader found, before it is classified and identified.
#[derive(Debug, PartialEq)]
struct Reading {
    idempotency_key: Option<String>,
    occurred_at: Option<Timestamp>,
    source: String,
    kind: String,
    subject: String,
    environment: Option<String>,
    status: SignalStatus,
    severity: Severity,
    labels: Labels,
    summary: String,
    runbook: Option<String>,
    /// What rules about commands look at, where it is not the summary.
    command: Option<String>,
    /// What is kept of the message, where it is not the whole.
    body: Option<String>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            idempotency_key: None,
            occurred_at: None,
            source: String::new(),
            kind: String::new(),
            subject: String::new(),
            environment: None,
            status: SignalStatus::None,
            severity: Severity::Medium,
            labels: Labels::new(),
            summary: String::new(),
            runbook: None,
            command: None,
            body: None,
        }
    }
}

/// Longest source, kind, subject or environment, in characters: they stand in unique indexes, whose rows PostgreSQL
/// limits to about 2,700 bytes.
const LONGEST_NAME: usize = 512;
/// Longest idempotency key kept as it is; a longer one is replaced by its SHA-256.
const LONGEST_KEY: usize = 512;
/// Longest summary and runbook, in characters; the whole message stays in `signals.body`.
const LONGEST_SUMMARY: usize = 2_000;

/// Reads every signal of a message, at least one. `ids` gives a fresh id for each.
pub fn parse(message: &Message, policy: &Policy, ids: &mut dyn FnMut() -> Uuid) -> Vec<Signal> {
    let unwrapped = transport::unwrap(message);
    let read = read(&unwrapped, policy);
    let several = read.len() > 1;
    let (mut readings, mut wrong) = (Vec::new(), Vec::new());
    for (n, reading) in read.into_iter().enumerate() {
        match reading.and_then(checked) {
            Ok(reading) => readings.push((n, reading)),
            Err(malformed) => wrong.push((n, malformed)),
        }
    }
    // One notice for all: each would say the same of the whole message.
    if let Some((first, _)) = wrong.first() {
        let at = readings.partition_point(|(n, _)| n < first);
        readings.insert(at, (*first, unparsed::reading(&unwrapped, &reasons(&wrong))));
    }
    readings
        .into_iter()
        .map(|(n, reading)| {
            let message_key =
                if several { format!("{}#{}", unwrapped.message_id, n + 1) } else { unwrapped.message_id.clone() };
            identified(reading, message, &unwrapped, message_key, policy, ids())
        })
        .collect()
}

/// The first and the last of what is wrong, and how much more there is.
fn reasons(wrong: &[(usize, Malformed)]) -> String {
    match wrong {
        [] => String::new(),
        [(_, only)] => only.to_string(),
        [(_, first), (_, last)] => format!("{first}; {last}"),
        [(_, first), between @ .., (_, last)] => format!("{first}; {} more of that sort; {last}", between.len()),
    }
}

/// Asks each reader in turn; the first that recognises the shape answers.
fn read(unwrapped: &transport::Unwrapped, policy: &Policy) -> Vec<Result<Reading, Malformed>> {
    let Some(json) = &unwrapped.json else {
        let budget = cost::read_budget(&unwrapped.text);
        return vec![
            budget.ok_or_else(|| Malformed("it is not a JSON object, nor a text of a known shape".to_owned())),
        ];
    };
    let event = unwrapped.event.as_ref();
    if let Some(alerts) = alertmanager::read(json, unwrapped.sent_at) {
        return alerts;
    }
    let one = alarm::read_state_change(json, event, policy)
        .or_else(|| alarm::read_configuration_change(json, event))
        .or_else(|| alarm::read_direct(json, policy))
        .or_else(|| alarm::read_notification(json, policy))
        .or_else(|| native::read(json, policy))
        .or_else(|| claim::read(json))
        .or_else(|| cost::read_anomaly(json).map(Ok))
        .or_else(|| invocation::read(json).map(Ok));
    vec![one.unwrap_or_else(|| Err(Malformed("its shape is not known".to_owned())))]
}

fn checked(reading: Reading) -> Result<Reading, Malformed> {
    for (field, value) in [("source", &reading.source), ("kind", &reading.kind), ("subject", &reading.subject)] {
        if value.is_empty() {
            return Err(Malformed(format!("{field} is empty")));
        }
        if value.chars().count() > LONGEST_NAME {
            return Err(Malformed(format!("{field} is longer than {LONGEST_NAME} characters")));
        }
    }
    if reading.environment.as_ref().is_some_and(|name| name.chars().count() > LONGEST_NAME) {
        return Err(Malformed(format!("environment is longer than {LONGEST_NAME} characters")));
    }
    Ok(reading)
}

/// The key for a signal whose own key another signal has: derived from what it says, so that it is the same however
/// often the message comes.
pub fn key_for_colliding(signal: &Signal) -> String {
    let says = format!("{}\n{}\n{}", signal.fingerprint, signal.status.as_str(), signal.body);
    let prefix: String = signal.idempotency_key.chars().take(LONGEST_KEY / 4).collect();
    format!("{prefix}#{}", hex(&Sha256::digest(says)))
}

fn identified(
    reading: Reading,
    message: &Message,
    unwrapped: &transport::Unwrapped,
    message_key: String,
    policy: &Policy,
    id: Uuid,
) -> Signal {
    let key = reading.idempotency_key.unwrap_or(message_key);
    let environment = reading.environment.filter(|name| !name.trim().is_empty());
    let environment = environment.as_deref().map_or_else(|| policy.environment.clone(), environment_of);
    let labels: Labels = reading.labels.into_iter().map(|(name, value)| (storable(name), storable(value))).collect();
    let (source, kind, subject) = (storable(reading.source), storable(reading.kind), storable(reading.subject));
    let severity = classify::severity(
        &policy.classify,
        &Facts {
            kind: &kind,
            subject: &subject,
            source: &source,
            sender: &unwrapped.sender,
            environment: &environment,
            status: reading.status,
            severity: reading.severity,
            labels: &labels,
            command: reading.command.as_deref().unwrap_or(&reading.summary),
        },
    );
    Signal {
        id,
        idempotency_key: storable(if key.len() > LONGEST_KEY { hex(&Sha256::digest(&key)) } else { key }),
        occurred_at: reading.occurred_at.unwrap_or(unwrapped.sent_at),
        fingerprint: Fingerprint::of(&environment, &kind, &subject, &labels),
        source,
        sender: storable(unwrapped.sender.clone()),
        kind,
        subject,
        environment,
        status: reading.status,
        severity,
        labels,
        summary: storable(crate::notification::truncate(&reading.summary, LONGEST_SUMMARY)),
        runbook: reading.runbook.map(|runbook| storable(crate::notification::truncate(&runbook, LONGEST_SUMMARY))),
        body: storable(reading.body.unwrap_or_else(|| message.body.clone())),
    }
}

fn environment_of(name: &str) -> String {
    storable(crate::environment::canonical(name))
}

/// PostgreSQL's text and jsonb cannot hold U+0000; losing the message over it would be worse than the replacement.
fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

#[cfg(test)]
mod tests;
