//! The signal that a heartbeat's transition becomes, in its native form.

use serde_json::{Map, json};

use super::{Heartbeat, State, Told, Transition};
use crate::condition::Raised;
use crate::fingerprint::{Fingerprint, Labels};
use crate::notification::truncate;
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
    let fingerprint = fingerprint(environment, &heartbeat.name);
    let id = format!("{fingerprint}/{}/{severity}/{}", status.as_str(), transition.at);
    let body = json!({
        "id": id,
        "source": source(&heartbeat.name),
        "kind": KIND,
        "subject": heartbeat.name,
        "environment": environment,
        "status": status,
        "severity": severity.to_string(),
        "summary": truncate(&transition.reason, LONGEST_SUMMARY),
        "labels": Labels::new(),
        "details": details,
        "occurred_at": transition.at,
    });
    Some(Raised { id, body: body.to_string() })
}
