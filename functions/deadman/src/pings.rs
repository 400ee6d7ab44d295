//! What jobs tell by themselves, and people about one heartbeat: recorded and decided at once, in one transaction.

use std::collections::BTreeMap;
use std::time::Instant;

use config::nearest;
use config::watch_file::{Heartbeat, HeartbeatSignal};
use domain::Timestamp;
use domain::heartbeat::{Beat, BeatKind, Status, pause, resume, take as take_beats};
use domain::notification::truncate;
use runtime::opening::Store;
use runtime::{Deadline, Fault, Kind, Summary};
use serde_json::{Value, json};
use store::heartbeats::{self, Opening, Ping};
use uuid::Uuid;

use crate::app::{App, patience};
use crate::decide::Decided;
use crate::payload::{self, Operation, PingPayload, Record, When};
use crate::record::send_signals;
use crate::report::{Answer, Standing};

/// How much of what a job says is kept, in characters.
const LONGEST_BODY: usize = 10_000;
/// How much of it people are told, in characters.
const LONGEST_NOTE: usize = 300;

/// A ping of a heartbeat that takes pings.
struct Taken<'w> {
    heartbeat: &'w Heartbeat,
    ping: Ping,
}

/// What is done to one heartbeat.
enum Deed<'w> {
    Ping(Taken<'w>),
    Pause(&'w Heartbeat),
    Resume(&'w Heartbeat),
}

/// Does what is asked about one heartbeat.
///
/// # Errors
/// `BadPayload` where there is no such heartbeat, or it takes no pings; the store's, when it is not on record.
pub(crate) async fn operate(
    app: &App,
    operation: Operation,
    when: When,
    began: Instant,
    deadline: &Deadline,
) -> Result<Answer, Fault> {
    let mut parameters = app.parameters(began).await;
    let store = app.store(&mut parameters, began, deadline).await?;
    let held_back = when.held_back(store.now, app.watch_file.environment.is_local());
    let now = when.now.unwrap_or(store.now);
    let deed = match operation {
        Operation::Ping(ping) => Deed::Ping(taken(app, ping, Uuid::now_v7().to_string(), now)?),
        Operation::Pause(name) => Deed::Pause(find(app, "pause", &name)?),
        Operation::Resume(name) => Deed::Resume(find(app, "resume", &name)?),
    };
    let mut summary = Summary::new("deadman", app.watch_file.environment.as_str(), now, held_back.is_some());
    let heartbeat = deed.heartbeat();
    let deeds = [deed];
    let decided = match held_back {
        Some(reason) => {
            summary.skipped("recording", reason);
            let record = heartbeats::open(&store.connection.client, patience(deadline)).await?;
            decide(app, &record, &deeds, now, &mut summary)
        }
        None => on_record(app, &store, &deeds, now, deadline, &mut summary).await?,
    };
    let standing = decided.states.get(&heartbeat.rules.name).map(|state| Standing {
        name: heartbeat.rules.name.clone(),
        status: state.status,
        since: state.since,
        deadline_at: state.deadline_at,
        last_success_at: state.last_success_at,
    });
    Ok(Answer { summary: summary.finished(began.elapsed()), down: BTreeMap::new(), heartbeat: standing })
}

/// Takes the pings of a batch from the queue: all that can be read in one transaction. Names those that the queue has to
/// give again.
///
/// # Errors
/// When none of them is on record, so that the Errors metric moves.
pub(crate) async fn take(app: &App, messages: &[Record], began: Instant, deadline: &Deadline) -> Result<Value, Fault> {
    let mut parameters = app.parameters(began).await;
    let store = app.store(&mut parameters, began, deadline).await?;
    let mut refused: Vec<(&str, String)> = Vec::new();
    let mut deeds = Vec::new();
    for message in messages {
        let sent_at = message.sent_at().map_or(store.now, |sent_at| sent_at.min(store.now));
        let read = payload::message(&message.body);
        match read.and_then(|ping| taken(app, ping, message.message_id.clone(), sent_at)) {
            Ok(taken) => deeds.push(Deed::Ping(taken)),
            Err(fault) => refused.push((&message.message_id, fault.message)),
        }
    }
    let mut summary = Summary::new("deadman", app.watch_file.environment.as_str(), store.now, false);
    if !deeds.is_empty() {
        on_record(app, &store, &deeds, store.now, deadline, &mut summary).await?;
    }
    tracing::info!(messages = messages.len(), taken = deeds.len(), refused = ?refused, "Took pings");
    if !messages.is_empty() && refused.len() == messages.len() {
        let reasons: Vec<String> = refused.into_iter().map(|(id, why)| format!("{id}: {why}")).collect();
        return Err(Fault::new(Kind::BadPayload, format!("no message could be taken: {}", reasons.join("; "))));
    }
    let failures: Vec<Value> = refused.iter().map(|(id, _)| json!({ "itemIdentifier": id })).collect();
    Ok(json!({ "batchItemFailures": failures }))
}

/// Records, decides and tells.
async fn on_record(
    app: &App,
    store: &Store,
    deeds: &[Deed<'_>],
    now: Timestamp,
    deadline: &Deadline,
    summary: &mut Summary,
) -> Result<Decided, Fault> {
    let client = &store.connection.client;
    let mut names: Vec<&str> = deeds.iter().map(|deed| deed.heartbeat().rules.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let pings: Vec<Ping> = deeds.iter().filter_map(Deed::ping).cloned().collect();
    let opening = Opening { lease: None, pings: &pings, names: Some(&names) };
    let record = heartbeats::begin(client, opening, patience(deadline)).await?;
    let decided = decide(app, &record, deeds, now, summary);
    heartbeats::apply(client, &decided.changes, patience(deadline)).await?;
    // What it stands like is known in this sandbox, too, should the record be out of reach next.
    app.known.lock().await.states.extend(decided.states.clone());
    summary.did("pings", record.fresh.len());
    send_signals(store, &app.queue, &decided.changes.outgoing, deadline, summary).await;
    Ok(decided)
}

/// What becomes of the heartbeats, one deed after another.
fn decide(
    app: &App,
    before: &heartbeats::Record,
    deeds: &[Deed<'_>],
    now: Timestamp,
    summary: &mut Summary,
) -> Decided {
    let mut by_heartbeat: BTreeMap<&str, Vec<&Deed<'_>>> = BTreeMap::new();
    for deed in deeds {
        by_heartbeat.entry(&deed.heartbeat().rules.name).or_default().push(deed);
    }
    let mut decided = Decided::default();
    for (name, deeds) in by_heartbeat {
        let Some(heartbeat) = deeds.first().map(|deed| deed.heartbeat()) else { continue };
        let (rules, state, slots) = (&heartbeat.rules, before.states.get(name), before.slots_of(name));
        let step = match deeds.as_slice() {
            [Deed::Pause(_)] => pause(rules, state, slots, None, now),
            // What a switch has stopped, the switch starts again.
            [Deed::Resume(_)] => {
                state.filter(|state| state.memory.switch.is_none()).and_then(|state| resume(rules, state, slots, now))
            }
            _ => {
                let fresh = |ping: &&Ping| before.fresh.contains(&ping.id) || summary.dry_run;
                let beats: Vec<Beat> = deeds.iter().filter_map(|deed| deed.ping()).filter(fresh).map(beat).collect();
                Some(take_beats(rules, state, slots, &beats, now))
            }
        };
        if step.is_none() {
            let paused = state.is_some_and(|state| state.status == Status::Paused);
            let switch = state.and_then(|state| state.memory.switch.as_deref());
            let reason = match (deeds.as_slice(), switch) {
                ([Deed::Resume(_)], Some(switch)) => format!("the switch {switch} has paused it, and starts it again"),
                _ if paused => "it is paused already".to_owned(),
                _ => "it is not paused".to_owned(),
            };
            summary.skipped(name, reason);
        }
        decided.take(heartbeat, before, step.into_iter().collect(), app.watch_file.environment.as_str());
    }
    decided
}

/// What a ping says of its heartbeat.
fn beat(ping: &Ping) -> Beat {
    let exit = ping.exit_status.map(|status| format!("exit status {status}"));
    let said = ping.body.as_ref().map(|body| truncate(body.trim(), LONGEST_NOTE)).filter(|body| !body.is_empty());
    let note: Vec<String> = exit.into_iter().chain(said).collect();
    Beat {
        at: ping.received_at,
        kind: ping.kind,
        run: ping.run_id.clone(),
        started_at: None,
        slot: None,
        note: (ping.kind == BeatKind::Fail && !note.is_empty()).then(|| note.join(": ")),
        told: true,
    }
}

fn taken(app: &App, said: PingPayload, id: String, received_at: Timestamp) -> Result<Taken<'_>, Fault> {
    let heartbeat = find(app, "ping.heartbeat", &said.heartbeat)?;
    if heartbeat.signal != HeartbeatSignal::Ping {
        return Err(Fault::bad_payload(format!(
            "ping.heartbeat: {} is looked for elsewhere and takes no pings; expected one with signal = {{ ping = true }}",
            said.heartbeat
        )));
    }
    // Postgres holds no text with the character 0.
    let text = |text: String| text.replace('\0', "\u{fffd}");
    let ping = Ping {
        id,
        name: said.heartbeat,
        kind: said.kind,
        run_id: said.run_id.map(text),
        exit_status: said.exit_status,
        body: said.body.map(|body| truncate(&text(body), LONGEST_BODY)),
        received_at,
    };
    Ok(Taken { heartbeat, ping })
}

fn find<'w>(app: &'w App, field: &str, name: &str) -> Result<&'w Heartbeat, Fault> {
    let watch_file = &app.watch_file;
    watch_file.heartbeat(name).ok_or_else(|| {
        let known = watch_file.heartbeats.iter().map(|heartbeat| heartbeat.rules.name.as_str());
        let meant = nearest(name, known).map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default();
        let shown = truncate(name, 80);
        Fault::bad_payload(format!("{field}: there is no heartbeat `{shown}`{meant} in {}", watch_file.file))
    })
}

impl<'w> Deed<'w> {
    fn heartbeat(&self) -> &'w Heartbeat {
        match self {
            Self::Ping(taken) => taken.heartbeat,
            Self::Pause(heartbeat) | Self::Resume(heartbeat) => heartbeat,
        }
    }

    fn ping(&self) -> Option<&Ping> {
        match self {
            Self::Ping(taken) => Some(&taken.ping),
            Self::Pause(_) | Self::Resume(_) => None,
        }
    }
}
