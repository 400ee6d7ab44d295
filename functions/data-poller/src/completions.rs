//! Completion messages: what RunPod posts to a webhook when a job has ended, as messages of the queue `completions`.

use std::collections::HashMap;
use std::time::Instant;

use config::Current;
use config::watch_file::{Source, TriggerKind};
use domain::upstream::Mover;
use domain::upstream::reconcile::reconcile;
use runtime::raise::raise;
use runtime::{Deadline, Fault, Kind};
use secrecy::SecretString;
use serde_json::{Value, json};
use store::outbox::Outgoing;
use store::runs::{self, Row};
use triggers::runpod::Completion;
use uuid::Uuid;

use crate::app::{App, patience};
use crate::follow::shown;
use crate::moves::Moves;
use crate::payload::Record;

/// Takes a batch: what says how a run ended moves it. Names those that the queue has to give again.
///
/// # Errors
/// When none of them could be taken, so that the Errors metric moves.
pub(crate) async fn take(app: &App, messages: &[Record], began: Instant, deadline: &Deadline) -> Result<Value, Fault> {
    let parameters = app.parameters(began).await;
    let secrets = secrets(app, &parameters);
    let secrets: Vec<&SecretString> = secrets.iter().collect();
    let mut refused: Vec<(&str, String)> = Vec::new();
    let mut said: Vec<Completion> = Vec::new();
    for message in messages {
        match Completion::parse(&message.body, &secrets) {
            Ok(completion) => said.push(completion),
            Err(bad) => refused.push((&message.message_id, bad.to_string())),
        }
    }
    if !said.is_empty() {
        record(app, said, parameters, began, deadline).await?;
    }
    tracing::info!(messages = messages.len(), refused = ?refused, "Took completions");
    if !messages.is_empty() && refused.len() == messages.len() {
        let reasons: Vec<String> = refused.into_iter().map(|(id, why)| format!("{id}: {why}")).collect();
        return Err(Fault::new(Kind::BadPayload, format!("no message could be taken: {}", reasons.join("; "))));
    }
    let failures: Vec<Value> = refused.iter().map(|(id, _)| json!({ "itemIdentifier": id })).collect();
    Ok(json!({ "batchItemFailures": failures }))
}

/// What jobs were begun with, and may say in return.
fn secrets(app: &App, parameters: &Current) -> Vec<SecretString> {
    let key = |source: &Source| match &source.trigger.kind {
        TriggerKind::Runpod { api_key, .. } => parameters.secrets.get(api_key).ok(),
        _ => None,
    };
    app.watch_file.sources.iter().filter_map(key).collect()
}

/// Moves the runs, each by all that was said of it. What is said of a run that has begun anew is about nothing any more.
async fn record(
    app: &App,
    said: Vec<Completion>,
    mut parameters: Current,
    began: Instant,
    deadline: &Deadline,
) -> Result<(), Fault> {
    let store = app.store(&mut parameters, began, deadline).await?;
    let (client, now) = (&store.connection.client, store.now);
    let ids: Vec<Uuid> = said.iter().filter_map(|completion| completion.run_id).collect();
    // Where a job's input is not repeated, its own id says whose it is.
    let nameless = said.iter().filter(|completion| completion.run_id.is_none());
    let external_ids: Vec<&str> = nameless.map(|completion| completion.external_id.as_str()).collect();
    let found = runs::find(client, &ids, &external_ids, patience(deadline)).await?;
    let rows: HashMap<Uuid, Row> = found.into_iter().map(|row| (row.run_id, row)).collect();
    let mut by_run: HashMap<Uuid, Vec<_>> = HashMap::new();
    for Completion { run_id, attempt, standing, external_id } in said {
        let is_of = |row: &&Row| row.run.external_id.as_ref() == Some(&external_id);
        let run_id = run_id.or_else(|| rows.values().find(is_of).map(|row| row.run_id));
        match run_id.filter(|run_id| rows.contains_key(run_id)) {
            Some(run_id) => by_run.entry(run_id).or_default().push(shown(standing, attempt)),
            None => tracing::warn!(job = external_id, "A job ended whose run has begun anew, or is not ours"),
        }
    }
    let moves = Moves { watch_file: &app.watch_file, now };
    let mut steps = Vec::new();
    for (run_id, evidence) in by_run {
        let Some(run) = rows.get(&run_id).map(|row| &row.run) else { continue };
        let Some(source) = app.watch_file.source(&run.source) else { continue };
        let next = reconcile(&source.rules, run, &evidence, now);
        steps.extend(moves.after(&source.rules, run, &next, Mover::Webhook)?);
    }
    let moved = runs::apply(client, &[], &steps, &[], now, patience(deadline)).await?;
    let steps = steps.into_iter().filter(|step| moved.contains_key(&step.to.key()));
    let outgoing: Vec<Outgoing> = steps.filter_map(|step| step.signal).collect();
    // They are on record: what the queue does not take now is sent by the router's next tick.
    raise(&store.connection, &app.queue, &outgoing, now).await?;
    Ok(())
}
