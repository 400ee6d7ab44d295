//! Replays recorded signals through another watch file and answers which pages that adds and removes. Nothing is sent.

use config::WatchFile;
use domain::ingest::{self, Message};
use domain::replay::{Difference, Page, Replay};
use domain::{Policy, Signal, Timestamp};
use runtime::{Deadline, Fault};
use serde_json::{Value, json};
use store::replay::{self as recorded, Place, Recorded};
use uuid::Uuid;

use super::Desk;
use crate::app::App;
use crate::payload::operation;

/// How many signals are read at a time.
const PAGE: i64 = 2_000;
/// How many pages are listed of those that differ; all are counted.
const LISTED: usize = 200;

/// Answers `added`, `removed` (listed and counted) and `kept`.
pub(super) async fn run(
    desk: &mut Desk<'_>,
    app: &App,
    asked: &operation::Replay,
    deadline: &Deadline,
) -> Result<(), Fault> {
    let (since, until) = (asked.since, asked.until);
    if until <= since {
        return Err(Fault::bad_payload("replay.until: it is not after `since`"));
    }
    let other = match &asked.watch_file {
        None => app.policy.clone(),
        Some(text) => WatchFile::parse(text.as_str(), "watch_file", &app.config.environment)
            .map_err(|error| Fault::bad_payload(format!("replay.watch_file: {error}")))?
            .policy(),
    };
    let client = &desk.connection.client;
    let silences = recorded::list_silences(client, since, until).await?;
    let mut replay = Replay::new(&app.policy, &other, &silences, since);
    let mut place = Place { received_at: since, signal_id: Uuid::nil() };
    let mut together = Together::default();
    let mut heard = 0;
    let mut reached = until;
    loop {
        if deadline.for_work().is_zero() {
            reached = place.received_at;
            desk.summary.remaining.push(format!("signals received after {reached}: ask for them as `since`"));
            break;
        }
        let page = recorded::list_recorded(client, place, until, PAGE).await?;
        let Some(last) = page.last() else { break };
        place = Place { received_at: last.received_at, signal_id: last.signal.id };
        heard += page.len();
        for one in page {
            if one.received_at != together.received_at {
                together.hear(&mut replay, &app.policy, &other);
                together.received_at = one.received_at;
            }
            together.signals.push(one);
        }
    }
    together.hear(&mut replay, &app.policy, &other);
    let difference = replay.finish(reached);
    desk.summary.looked_at("signals", heard);
    desk.summary.looked_at("silences", silences.len());
    desk.answer("replay", answer(&difference));
    Ok(())
}

/// Signals of one batch, which were decided together.
#[derive(Default)]
struct Together {
    received_at: Timestamp,
    signals: Vec<Recorded>,
}

impl Together {
    fn hear(&mut self, replay: &mut Replay<'_>, in_force: &Policy, other: &Policy) {
        if self.signals.is_empty() {
            return;
        }
        let by = |policy: &Policy| -> Vec<Signal> { self.signals.iter().map(|one| classified(one, policy)).collect() };
        replay.hear(&by(in_force), &by(other), self.received_at);
        self.signals.clear();
    }
}

/// A signal as a watch file classifies it: read anew from the message that it came with. One of several that came with one
/// message keeps the severity that it has on record.
fn classified(recorded: &Recorded, policy: &Policy) -> Signal {
    let signal = recorded.signal.clone();
    let message = Message {
        message_id: signal.idempotency_key.clone(),
        sender_id: signal.sender.strip_prefix("principal:").map(str::to_owned),
        sent_at: signal.occurred_at,
        body: signal.body.clone(),
    };
    let read = ingest::parse(&message, policy, &mut Uuid::nil);
    match read.into_iter().find(|one| one.fingerprint == signal.fingerprint && one.status == signal.status) {
        Some(one) => Signal { severity: one.severity, runbook: one.runbook, ..signal },
        None => signal,
    }
}

fn answer(difference: &Difference) -> Value {
    let listed = |pages: &[Page]| json!({"count": pages.len(), "pages": &pages[..pages.len().min(LISTED)]});
    json!({
        "added": listed(&difference.added),
        "removed": listed(&difference.removed),
        "kept": {"count": difference.kept},
    })
}
