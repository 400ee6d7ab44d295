//! What an evaluation says of itself: its summary, its metrics, its answer.

use std::collections::BTreeMap;

use config::DeadmanConfig;
use domain::Timestamp;
use domain::check::Datum;
use domain::fingerprint::Labels;
use domain::heartbeat::{Reading, Status};
use runtime::Summary;
use runtime::embedded::Placed;
use serde::Serialize;

use crate::app::App;
use crate::decide::Decided;

/// The answer.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    #[serde(flatten)]
    pub(crate) summary: Summary,
    /// The heartbeats that are down, each with what is amiss.
    pub(crate) down: BTreeMap<String, String>,
    /// How the heartbeat stands that an operation was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) heartbeat: Option<Standing>,
}

/// How one heartbeat stands.
#[derive(Debug, Serialize)]
pub(crate) struct Standing {
    pub(crate) name: String,
    pub(crate) status: Status,
    pub(crate) since: Timestamp,
    /// When it turns down if nothing comes.
    pub(crate) deadline_at: Option<Timestamp>,
    pub(crate) last_success_at: Option<Timestamp>,
}

/// The answer of an evaluation.
pub(crate) fn answer(decided: Decided, summary: Summary) -> Answer {
    let down = decided.states.into_iter().filter(|(_, state)| state.status == Status::Down);
    let down = down.map(|(name, state)| (name, state.memory.said.unwrap_or_default())).collect();
    Answer { summary, down, heartbeat: None }
}

/// Writes into the summary what was looked at, what could not be read, and what changed.
pub(crate) fn count(decided: &Decided, readings: &BTreeMap<&str, Reading>, summary: &mut Summary) {
    summary.looked_at("heartbeats", decided.states.len());
    for (what, status) in [
        ("new", Status::New),
        ("up", Status::Up),
        ("late", Status::Late),
        ("down", Status::Down),
        ("paused", Status::Paused),
    ] {
        summary.looked_at(what, decided.count(status));
    }
    let read = readings.values().filter(|reading| matches!(reading, Reading::Seen { .. })).count();
    summary.did("read", read);
    summary.did("transitions", decided.transitions);
    let waiting = |reading: &&Reading| matches!(reading, Reading::Waiting { .. });
    if let Some(Reading::Waiting { until, why }) = readings.values().find(waiting) {
        let count = readings.values().filter(waiting).count();
        summary.skipped("pings", format!("{count} heartbeats are not missed before {until}: {why}"));
    }
    for (name, reading) in readings {
        if let Reading::Unknown { why } = reading {
            tracing::warn!(heartbeat = name, why, "The signal of {name} cannot be read");
            summary.failed(*name, why.clone());
        }
    }
}

/// Publishes how many are down and how many cannot be read; whether that went well.
pub(crate) async fn publish(app: &App, decided: &Decided, now: Timestamp, summary: &mut Summary) -> bool {
    let unknown = decided.states.values().filter(|state| state.memory.unknown.is_some()).count();
    let datum = |name: &str, count: usize| Placed {
        dimensions: Labels::new(),
        datum: Datum { name: name.to_owned(), value: count as f64, unit: Some("Count".to_owned()) },
    };
    let data = [
        datum(DeadmanConfig::HEARTBEATS_DOWN, decided.count(Status::Down)),
        datum(DeadmanConfig::HEARTBEATS_UNKNOWN, unknown),
    ];
    let sent = metrics::publish(&app.cloudwatch, &app.watch_file, &data, now).await;
    summary.did("published", sent.published);
    summary.did("embedded", sent.embedded);
    if let Some(why) = &sent.failure {
        summary.failed("publishing", why.clone());
    }
    sent.failure.is_none()
}
