//! A poll: follow what is under way, look what upstream has published, write down what is to be triggered, trigger it, say
//! what happened.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use config::{Current, PollerConfig};
use domain::Timestamp;
use domain::upstream::plan::check_windows;
use domain::upstream::signals::late_fingerprint;
use domain::upstream::{Plan, Request, Run, RunKey, Source as Rules};
use runtime::ledger::Begun as Begins;
use runtime::opening::Store;
use runtime::raise::raise;
use runtime::{Deadline, Fault, Summary, payload};
use store::outbox::Outgoing;
use store::runs::{self, Open, Others, Wanted};

use crate::announce;
use crate::app::{App, held, patience};
use crate::lateness::Lateness;
use crate::payload::Asked;
use crate::report::{Answer, count, name};
use crate::starting::{self, Begun, Intent};
use crate::tried::Tried;

mod following;
mod forsaken;
mod looking;
mod writing;

static NOBODY: BTreeSet<String> = BTreeSet::new();
/// Looking, and asking providers, may take so long each.
const LOOKING: Duration = Duration::from_secs(25);
/// So much is kept back from both: what was found is written down, triggered and recorded in it.
const ACTING: Duration = Duration::from_secs(15);

/// Runs one.
///
/// # Errors
/// Where nobody would hear otherwise: a bad payload, no store, or nothing of what was tried worked.
pub(crate) async fn run(app: &App, asked: Asked, began: Instant, deadline: &Deadline) -> Result<Answer, Fault> {
    let rules: Vec<Rules> = app.watch_file.sources.iter().map(|source| source.rules.clone()).collect();
    let request = Request::read(asked.source, asked.force_retry, asked.backfill_hours, asked.limit, &rules)
        .map_err(|bad| Fault::bad_payload(bad.to_string()))?;
    let mut parameters = app.parameters(began).await;
    let store = app.store(&mut parameters, began, deadline).await?;
    let is_local = app.watch_file.environment.is_local();
    let held_back = payload::held_back(asked.dry_run, asked.now, store.now, is_local);
    let now = asked.now.unwrap_or(store.now);
    let mut summary =
        Summary::new(PollerConfig::FUNCTION, app.watch_file.environment.as_str(), now, held_back.is_some());
    for stale in &parameters.stale {
        summary.failed(stale.name(), stale.to_string());
    }
    let begins = Begins {
        run_id: summary.run_id,
        function: PollerConfig::FUNCTION,
        task: None,
        scheduled_at: asked.scheduled_at,
        started_at: store.now,
    };
    // What is refused is refused before anything is moved.
    check_windows(&rules, &request, now).map_err(|too_many| Fault::bad_payload(too_many.to_string()))?;
    let poll = Poll { app, store: &store, parameters: &parameters, rules: &rules, request: &request, now, deadline };
    let done = match held_back {
        Some(reason) => poll.rehearse(reason, &mut summary).await,
        None => poll.perform(&mut summary).await,
    };
    let ended = done.and_then(|done| {
        done.tried.worked()?;
        Ok(Answer { summary: summary.finished(began.elapsed()), triggered: done.triggered })
    });
    if held_back.is_none() {
        write_down(&begins, &store, &ended, began, deadline).await;
    }
    ended
}

/// What was done.
struct Done {
    /// Cycles that were triggered, oldest first.
    triggered: Vec<String>,
    tried: Tried,
}

struct Poll<'a> {
    app: &'a App,
    store: &'a Store,
    parameters: &'a Current,
    rules: &'a [Rules],
    request: &'a Request,
    now: Timestamp,
    deadline: &'a Deadline,
}

impl Poll<'_> {
    /// Says what would be done.
    async fn rehearse(&self, reason: &str, summary: &mut Summary) -> Result<Done, Fault> {
        let mut tried = Tried::default();
        summary.skipped("everything", reason);
        let rows = self.read().await?.rows;
        let runs: Vec<Run> = rows.into_iter().map(|row| row.run).collect();
        let mut looker = self.looker();
        let held = held(&self.app.watch_file, self.parameters);
        let plan = self.plan(&runs, &held, &mut looker, &mut tried, summary).await?;
        count(&plan, true, summary);
        Ok(Done { triggered: plan.triggers().map(|planned| name(&planned.key)).collect(), tried })
    }

    /// Does it. The record is read once, and written before anything is started: the intent stands before its request.
    async fn perform(&self, summary: &mut Summary) -> Result<Done, Fault> {
        let mut tried = Tried::default();
        let Open { mut rows, told_late, ownerless } = self.read().await?;
        let mut outgoing = self.follow(&mut rows, &mut tried, summary).await?;
        outgoing.extend(self.forsake(&ownerless, summary).await?);
        let runs: Vec<Run> = rows.iter().map(|row| row.run.clone()).collect();
        let mut looker = self.looker();
        let held_now = held(&self.app.watch_file, self.parameters);
        let plan = self.plan(&runs, &held_now, &mut looker, &mut tried, summary).await?;
        count(&plan, self.request.is_backfill(), summary);

        let known: HashMap<RunKey, Run> = runs.into_iter().map(|run| (run.key(), run)).collect();
        let lateness = Lateness { told: &told_late, ..self.lateness(&plan) };
        let changed = self.write_changes(&lateness, &known, &looker, &mut outgoing).await?;
        let parameters = self.parameters_to_act(&plan).await;
        let switches = held(&self.app.watch_file, &parameters);
        let intents = self.write_intents(&plan, &switches, (&known, &changed), &mut looker, summary).await?;
        let begun = self.start(&intents, &parameters, &mut tried, summary).await?;
        outgoing.extend(begun.outgoing);

        self.raise(&outgoing, summary).await;
        let lags = self.lateness(&plan);
        announce::all(self.app, &self.store.connection, &rows, &lags.lags(), self.now, summary).await;
        let mut triggered: Vec<RunKey> = begun.triggered;
        triggered.extend(begun.unknown.into_iter().map(|(key, _)| key));
        triggered.sort();
        Ok(Done { triggered: triggered.iter().map(name).collect(), tried })
    }

    /// When looking, or asking, has to end.
    fn until(&self) -> Instant {
        Instant::now() + self.deadline.for_work().saturating_sub(ACTING).min(LOOKING)
    }

    async fn read(&self) -> Result<Open, Fault> {
        let environment = self.app.watch_file.environment.as_str();
        let wanted: Vec<Wanted<'_>> = self
            .rules
            .iter()
            .filter(|source| self.request.is_about(source))
            .map(|source| Wanted {
                source: &source.name,
                from: self.request.from(source, self.now),
                late: late_fingerprint(&source.name, environment),
            })
            .collect();
        let known: Vec<&str> = self.rules.iter().map(|source| source.name.as_str()).collect();
        let before = |length| self.now.saturating_sub(length).unwrap_or(Timestamp::MIN);
        let others =
            Others { known: &known, older: before(forsaken::AFTER), given_up: before(forsaken::NOT_MADE_UP_FOR) };
        Ok(runs::open(&self.store.connection.client, &wanted, &others, patience(self.deadline)).await?)
    }

    /// Secrets and switches as they are at this moment, where something is to be triggered: what was read before the looks
    /// may be a minute old.
    async fn parameters_to_act(&self, plan: &Plan) -> Current {
        if plan.triggers().next().is_none() {
            return self.parameters.clone();
        }
        self.app.parameters_to_act(Instant::now()).await
    }

    /// Starts what is written.
    async fn start(
        &self,
        intents: &[Intent<'_>],
        parameters: &Current,
        tried: &mut Tried,
        summary: &mut Summary,
    ) -> Result<Begun, Fault> {
        if intents.is_empty() {
            return Ok(Begun::default());
        }
        let begun =
            starting::all(self.app, &self.store.connection, parameters, intents, self.now, self.deadline).await?;
        summary.did("triggered", begun.triggered.len() + begun.unknown.len());
        begun.triggered.iter().for_each(|key| tried.asked(key));
        for (key, why) in &begun.refused {
            tried.failed(key, why);
            summary.failed(name(key), why.clone());
        }
        for (key, why) in &begun.unknown {
            tried.asked(key);
            summary.failed(name(key), why.clone());
        }
        Ok(begun)
    }

    fn lateness<'p>(&'p self, plan: &'p Plan) -> Lateness<'p> {
        Lateness { sources: self.rules, request: self.request, plan, told: &NOBODY, now: self.now }
    }

    /// Sends signals that are on record; what the queue does not take now is sent by the router's next tick.
    async fn raise(&self, outgoing: &[Outgoing], summary: &mut Summary) {
        match raise(&self.store.connection, &self.app.queue, outgoing, self.now).await {
            Ok(raised) => {
                summary.did("raised", raised.sent);
                raised.failed.into_iter().for_each(|(id, why)| summary.failed(id, why));
            }
            Err(error) => summary.failed("outbox", format!("{:#}", anyhow::Error::new(error))),
        }
    }
}

/// A run without a row in the ledger is missed by whoever watches the ledger.
async fn write_down(
    begins: &Begins,
    store: &Store,
    ended: &Result<Answer, Fault>,
    began: Instant,
    deadline: &Deadline,
) {
    let summary = ended.as_ref().map(|answer| &answer.summary);
    let writing = begins.finish(&store.connection, summary, began.elapsed());
    let error = match tokio::time::timeout(patience(deadline), writing).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => format!("{:#}", anyhow::Error::new(error)),
        Err(_) => "Postgres did not answer in time".to_owned(),
    };
    tracing::error!(error, "The run is not in the ledger");
}
