//! The signal that a heartbeat's transition becomes, in its native form.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Heartbeat, State, Told, Transition};
use crate::condition::Raised;
use crate::fingerprint::{Fingerprint, Labels};
use crate::notification::truncate;
use crate::severity::Severity;
use crate::signal::SignalStatus;

/// The kind of a heartbeat's signals.
pub const KIND: &str = "heartbeat";
/// Longest summary, in characters: it quotes what a job said of its failure, which may be anything.
const LONGEST_SUMMARY: usize = 1_000;

/// The source of a heartbeat's signals.
pub fn source(name: &str) -> String {
    format!("heartbeat:{name}")
}

/// A heartbeat's identity in an environment: its slots are one alert.
pub fn fingerprint(environment: &str, name: &str) -> Fingerprint {
    Fingerprint::of(environment, KIND, name, &Labels::new())
}

/// What a transition becomes, if people are told of it; `state` is what it led to.
pub fn raise(heartbeat: &Heartbeat, transition: &Transition, state: &State, environment: &str) -> Option<Raised> {
    let (status, severity) = match transition.told? {
        Told::Firing => (SignalStatus::Firing, heartbeat.severity),
        Told::Resolved { severity } => (SignalStatus::Resolved, severity),
    };
    let said = Said { name: &heartbeat.name, status, severity, at: transition.at, summary: &transition.reason };
    Some(said.raised(details(heartbeat, state), environment))
}

/// That a heartbeat is still down, at an instant: of one whose signal the router has not on record.
pub fn remind(heartbeat: &Heartbeat, state: &State, at: Timestamp, environment: &str) -> Raised {
    let summary = state.memory.said.as_deref().unwrap_or("is down");
    let said = Said { name: &heartbeat.name, status: SignalStatus::Firing, severity: heartbeat.severity, at, summary };
    said.raised(details(heartbeat, state), environment)
}

/// That a heartbeat is silent, found without anything that is remembered of it.
pub fn fall_silent(heartbeat: &Heartbeat, at: Timestamp, summary: &str, environment: &str) -> Raised {
    let said = Said { name: &heartbeat.name, status: SignalStatus::Firing, severity: heartbeat.severity, at, summary };
    let runbook = heartbeat.runbook.iter().map(|runbook| ("runbook".to_owned(), json!(runbook)));
    said.raised(runbook.collect(), environment)
}

/// That a heartbeat of which nothing is remembered, or that nobody watches any more, is not down.
pub fn end(name: &str, severity: Severity, at: Timestamp, summary: &str, environment: &str) -> Raised {
    Said { name, status: SignalStatus::Resolved, severity, at, summary }.raised(Map::new(), environment)
}

fn details(heartbeat: &Heartbeat, state: &State) -> Map<String, Value> {
    let mut details = Map::new();
    let instants = [
        ("deadline_at", state.deadline_at),
        ("last_signal_at", state.last_signal_at),
        ("last_success_at", state.last_success_at),
        ("last_good", state.memory.last_good),
        ("down_since", state.memory.down_since),
    ];
    details.extend(instants.into_iter().filter_map(|(name, at)| Some((name.to_owned(), json!(at?)))));
    let texts = [("about", &heartbeat.summary), ("runbook", &heartbeat.runbook)];
    details.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text.as_ref()?)))));
    details.insert("amiss".to_owned(), json!(state.memory.amiss));
    details
}

/// What is said of a heartbeat.
struct Said<'a> {
    name: &'a str,
    status: SignalStatus,
    severity: Severity,
    at: Timestamp,
    summary: &'a str,
}

impl Said<'_> {
    fn raised(self, details: Map<String, Value>, environment: &str) -> Raised {
        let Self { name, status, severity, at, summary } = self;
        let id = format!("{}/{}/{severity}/{at}", fingerprint(environment, name), status.as_str());
        let body = json!({
            "id": id,
            "source": source(name),
            "kind": KIND,
            "subject": name,
            "environment": environment,
            "status": status,
            "severity": severity.to_string(),
            "summary": truncate(summary, LONGEST_SUMMARY),
            "labels": Labels::new(),
            "details": details,
            "occurred_at": at,
        });
        Raised { id, body: body.to_string() }
    }
}
