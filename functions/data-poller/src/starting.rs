//! Starts runs whose intent is on record, and records how each start ended as soon as that is known.

use std::time::Duration;

use config::watch_file::{Source, TriggerKind};
use config::{Address, Current, SecretError};
use domain::Timestamp;
use domain::upstream::sending::{Sent, after_sending};
use domain::upstream::{Mover, Run, RunKey, RunStatus};
use futures::{StreamExt, stream};
use runtime::{Deadline, Fault};
use secrecy::ExposeSecret;
use store::Connection;
use store::outbox::Outgoing;
use store::runs::{self, Move};
use triggers::{Function, Job, JobQueue, RunPod, Started, Trigger};
use uuid::Uuid;

use crate::app::{App, patience_to_record};
use crate::moves::Moves;
use crate::report::name;
use crate::upstream::Site;

/// How many starts are under way at once.
const AT_ONCE: usize = 8;
/// Below this nothing more is started: an answer that comes after the end is an answer of unknown outcome.
const TIME_TO_START: Duration = Duration::from_secs(12);

/// A run whose intent is on record.
pub(crate) struct Intent<'a> {
    pub(crate) source: &'a Source,
    pub(crate) run: Run,
    pub(crate) run_id: Uuid,
    pub(crate) site: Site,
}

/// What came of starting.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    /// Accepted, or perhaps so.
    pub(crate) triggered: Vec<RunKey>,
    /// Not accepted, and why; each is due again, or has failed.
    pub(crate) refused: Vec<(RunKey, String)>,
    /// Of unknown outcome, and why; each is awaited.
    pub(crate) unknown: Vec<(RunKey, String)>,
    /// Signals that are on record.
    pub(crate) outgoing: Vec<Outgoing>,
}

/// What starts runs of a source, with the secrets of now.
///
/// # Errors
/// What is not to be had for it, and what to do.
fn trigger(app: &App, parameters: &Current, source: &Source) -> Result<Box<dyn Trigger>, String> {
    match &source.trigger.kind {
        TriggerKind::Runpod { .. } => match provider(app, parameters, source) {
            Some(provider) => provider.map(|provider| Box::new(provider) as Box<dyn Trigger>),
            None => Err("it has no provider".to_owned()),
        },
        TriggerKind::Sqs { queue } => {
            let (url, account) = (queue.url.as_deref(), queue.account.as_deref());
            Ok(Box::new(JobQueue::named(app.sqs.clone(), url, &queue.name, account)))
        }
        TriggerKind::Lambda { function } => Ok(Box::new(Function::new(app.lambda.clone(), function))),
    }
}

/// Who is asked about the jobs of a source, with the secrets of now; `None` where its trigger keeps no status of them.
pub(crate) fn provider(app: &App, parameters: &Current, source: &Source) -> Option<Result<RunPod, String>> {
    let TriggerKind::Runpod { endpoint, api_key, webhook, url } = &source.trigger.kind else { return None };
    let secrets = &parameters.secrets;
    let address = |address: &Option<Address>| address.as_ref().map(|address| secrets.address(address)).transpose();
    let made = || {
        let (key, url, webhook) = (secrets.get(api_key)?, address(url)?, address(webhook)?);
        let url = url.map(|url| url.expose_secret().to_owned());
        Ok(RunPod::new(app.http.clone(), endpoint, key, url, webhook))
    };
    Some(made().map_err(|error: SecretError| error.to_string()))
}

/// Starts them.
///
/// # Errors
/// The store's. Whatever was started is on record as an intent: nothing is started again before it is certain that it does
/// not run.
pub(crate) async fn all(
    app: &App,
    connection: &Connection,
    parameters: &Current,
    intents: &[Intent<'_>],
    now: Timestamp,
    deadline: &Deadline,
) -> Result<Begun, Fault> {
    let mut begun = Begun::default();
    let moves = Moves { watch_file: &app.watch_file, now };
    let start = |intent| start(app, parameters, intent, deadline);
    let mut starts = stream::iter(intents.iter().map(start)).buffer_unordered(AT_ONCE);
    let mut unrecorded = None;
    while let Some((intent, sent)) = starts.next().await {
        let (rules, key) = (&intent.source.rules, intent.run.key());
        let next = after_sending(rules, &intent.run, &sent, now);
        if let Some(step) = moves.after(rules, &intent.run, &next, Mover::Poller)? {
            let signal = step.signal.clone();
            match record(connection, step, now, patience_to_record(deadline)).await {
                Ok(()) => begun.outgoing.extend(signal),
                // What is under way is heard to its end before this is told.
                Err(error) => unrecorded = unrecorded.or(Some(error)),
            }
        }
        let name = name(&key);
        match sent {
            Sent::Accepted { external_id } => {
                tracing::info!(run.id = %intent.run_id, run = name, job = external_id, "Triggered {name}");
                begun.triggered.push(key);
            }
            Sent::Refused { why, .. } | Sent::Banned { why } => {
                tracing::warn!(run.id = %intent.run_id, run = name, why, "The trigger did not take {name}");
                begun.refused.push((key, why));
            }
            Sent::Unknown { why } => {
                tracing::error!(run.id = %intent.run_id, run = name, why, "Whether the trigger took {name} is not known");
                begun.unknown.push((key, why));
            }
        }
    }
    unrecorded.map_or(Ok(begun), |error| Err(error.into()))
}

/// Records how a start ended. A worker that is quick has claimed the run already: what is known of its job is noted there.
async fn record(connection: &Connection, step: Move, now: Timestamp, patience: Duration) -> Result<(), store::Error> {
    let moved = runs::apply(&connection.client, &[], std::slice::from_ref(&step), &[], now, patience).await?;
    if !moved.is_empty() || step.to.status != RunStatus::Triggered {
        return Ok(());
    }
    let status = RunStatus::Running;
    let claimed = Move { from: Run { status, ..step.from }, to: Run { status, ..step.to }, ..step };
    runs::apply(&connection.client, &[], &[claimed], &[], now, patience).await.map(drop)
}

async fn start<'i, 'a>(
    app: &App,
    parameters: &Current,
    intent: &'i Intent<'a>,
    deadline: &Deadline,
) -> (&'i Intent<'a>, Sent) {
    let refused = |why: String| Sent::Refused { retry_after: None, why };
    if deadline.left() < TIME_TO_START {
        return (intent, refused("the invocation's time ran out before it was sent".to_owned()));
    }
    let trigger = match trigger(app, parameters, intent.source) {
        Ok(trigger) => trigger,
        // A secret that is not there yet is no refusal of the provider's: it is asked for again, with the usual pauses.
        Err(why) => return (intent, refused(why)),
    };
    let (source, run) = (intent.source, &intent.run);
    let job = Job {
        run_id: intent.run_id,
        attempt: run.attempts,
        source: &run.source,
        run_timestamp: run.at,
        input: &source.trigger.input,
        objects: &intent.site.objects,
        execution_limit: source.rules.max_runtime,
        ttl: source.rules.max_runtime,
    };
    failpoint::pass("intent recorded, not sent");
    let started = trigger.start(&job).await;
    failpoint::pass("sent, not recorded");
    (intent, sent(started))
}

fn sent(started: Started) -> Sent {
    match started {
        Started::Accepted { external_id } => {
            Sent::Accepted { external_id: external_id.unwrap_or_else(|| "unnamed".to_owned()) }
        }
        Started::RateLimited { retry_after, cause } => Sent::Refused { retry_after, why: cause.text },
        Started::Transient(cause) => Sent::Refused { retry_after: None, why: cause.text },
        Started::Permanent(cause) => Sent::Banned { why: cause.text },
        Started::Ambiguous(cause) => Sent::Unknown { why: cause.text },
    }
}
