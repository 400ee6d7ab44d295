//! While our own database is gone: CRITICAL heartbeats whose signal is in CloudWatch are decided from it alone, and raised
//! directly. What this sandbox remembers keeps it from telling what was told.

use std::collections::BTreeMap;

use config::watch_file::{Heartbeat, HeartbeatSignal};
use domain::Severity;
use domain::Timestamp;
use domain::condition::Raised;
use domain::heartbeat::{Reading, State, Status, fall_silent, looking, silent};
use jiff::SignedDuration;
use runtime::{Fault, Kind, Summary};

use crate::app::Known;
use crate::decide::Decided;
use crate::evaluate::Evaluation;
use crate::signals::Wanted;

/// How long one sandbox does not repeat itself; the router does not, for as long.
const REPEAT: SignedDuration = SignedDuration::from_hours(1);

/// Decides what can be decided. Signals are dated `at`, so that a repeated invocation sends the same ones.
///
/// # Errors
/// The fault of the store, where the deployment is wrong or a signal could not be sent either.
pub(crate) async fn evaluate(
    evaluation: &Evaluation<'_>,
    fault: &Fault,
    at: Timestamp,
    summary: &mut Summary,
) -> Result<Decided, Fault> {
    tracing::error!(error = fault.message, "There is no record: what CloudWatch alone can tell is decided");
    summary.failed("database", fault.message.clone());
    let app = evaluation.app;
    let critical: Vec<&Heartbeat> = app
        .watch_file
        .heartbeats
        .iter()
        .filter(|heartbeat| is_decidable(heartbeat) && !evaluation.is_off(heartbeat))
        .collect();
    let states = app.known.lock().await.states.clone();
    let wanted = critical
        .iter()
        .map(|heartbeat| Wanted { heartbeat, state: None, slots: &[], idle_for: SignedDuration::ZERO })
        .collect();
    let readings = evaluation.look(wanted, None).await;
    let mut known = app.known.lock().await;
    let mut raised: Vec<(&str, Raised)> = Vec::new();
    for heartbeat in &critical {
        let rules = &heartbeat.rules;
        if known.keeps_silent(&rules.name, at) {
            continue;
        }
        match readings.get(rules.name.as_str()) {
            Some(Reading::Seen { beats, .. }) => {
                let state = states.get(&rules.name);
                let last = beats.iter().map(|beat| beat.at).filter(|at| *at <= evaluation.now).max();
                let last = last.max(state.and_then(|state| state.last_success_at));
                // One that was loaded a moment ago is not missed for the time before.
                let loaded_at = state.map(|state| state.memory.loaded_at);
                let seen_from = loaded_at.max(Some(looking::since(rules, None, evaluation.now)));
                let seen_from = seen_from.unwrap_or(evaluation.now);
                let missing = silent(rules, last, seen_from, evaluation.now);
                raised.extend(missing.map(|summary| {
                    let environment = app.watch_file.environment.as_str();
                    (rules.name.as_str(), fall_silent(rules, at, &summary, environment))
                }));
            }
            Some(Reading::Unknown { why }) => summary.failed(rules.name.as_str(), why.clone()),
            Some(Reading::Unread | Reading::Waiting { .. }) | None => {}
        }
    }
    summary.looked_at("heartbeats", critical.len());
    let left = app.watch_file.heartbeats.len() - critical.len();
    if left > 0 {
        summary.skipped("heartbeats", format!("{left} cannot be decided without the record"));
    }
    let bodies: Vec<&str> = raised.iter().map(|(_, raised)| raised.body.as_str()).collect();
    let unsent: BTreeMap<usize, String> = app.queue.send(&bodies).await.into_iter().collect();
    for (n, (name, _)) in raised.iter().enumerate() {
        match unsent.get(&n) {
            Some(why) => summary.failed(*name, why.clone()),
            None => drop(known.told.insert((*name).to_owned(), at)),
        }
    }
    summary.did("raised", raised.len() - unsent.len());
    if fault.kind != Kind::Unavailable || !unsent.is_empty() {
        return Err(fault.clone());
    }
    Ok(Decided::default())
}

/// Whether CloudWatch alone can tell, and somebody must be woken.
fn is_decidable(heartbeat: &Heartbeat) -> bool {
    matches!(heartbeat.signal, HeartbeatSignal::Metric(_)) && heartbeat.rules.severity == Severity::Critical
}

impl Known {
    /// Whether this sandbox knows that a heartbeat is paused, or that people know it is down.
    fn keeps_silent(&self, name: &str, at: Timestamp) -> bool {
        let quiet = |state: &State| state.status == Status::Paused || state.memory.told.is_some();
        let lately = |told: &Timestamp| at.duration_since(*told) < REPEAT;
        self.states.get(name).is_some_and(quiet) || self.told.get(name).is_some_and(lately)
    }
}
