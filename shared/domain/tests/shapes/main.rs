//! Every shape of signal, as in `events/alert-router`, through every transport; and whatever else may come.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod anything;
mod odd;
mod story;
mod table;
mod transports;
mod wordings;

use std::path::PathBuf;

use domain::ingest::{Message, parse};
use domain::{Policy, Severity, Signal};
use serde_json::Value;

/// When the queue took every message.
const SENT_AT: &str = "2026-03-01T06:00:03Z";

fn policy() -> Policy {
    Policy {
        environment: "prod".to_owned(),
        namespace: "OPsPipeline".to_owned(),
        metric_severity: [("TelemetryLag".to_owned(), Severity::Medium)].into(),
        dedup_window: jiff::SignedDuration::from_hours(1),
        ..Policy::default()
    }
}

/// What is read of a body.
fn read(body: &str) -> Vec<Signal> {
    read_by(&policy(), body)
}

fn read_by(policy: &Policy, body: &str) -> Vec<Signal> {
    let message = Message {
        message_id: "sqs-1".to_owned(),
        sender_id: Some("AIDAEXAMPLE:session".to_owned()),
        sent_at: SENT_AT.parse().expect("an instant"),
        body: body.to_owned(),
    };
    parse(&message, policy, &mut Default::default)
}

/// The bodies of the messages in each sample, by the sample's name.
fn samples() -> Vec<(String, Vec<String>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../events/alert-router");
    let mut samples = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the samples") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a sample");
        let event: Value = serde_json::from_str(&text).expect("JSON");
        // A tick has no messages.
        let Some(records) = event["Records"].as_array() else { continue };
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        samples
            .push((name, records.iter().map(|record| record["body"].as_str().expect("a body").to_owned()).collect()));
    }
    samples.sort();
    samples
}
