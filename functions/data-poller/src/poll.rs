//! A poll: follow what is under way, look what upstream has published, write down what is to be triggered, trigger it, say
//! what happened.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use config::{Current, PollerConfig};
use domain::Timestamp;
use domain::upstream::plan::{Fate, Situation};
use domain::upstream::{Found, Plan, Request, Run, RunKey, RunStatus, Source as Rules, plan};
use runtime::ledger::Begun as Begins;
use runtime::opening::Store;
use runtime::raise::raise;
use runtime::{Deadline, Fault, Summary, payload};
use store::outbox::Outgoing;
use store::runs::{self, Move, Row};

use crate::app::{App, held, patience};
use crate::lateness::Lateness;
use crate::moves::Moves;
use crate::payload::Asked;
use crate::report::{Answer, count, name};
use crate::starting::{self, Begun, Intent};
use crate::tried::Tried;
use crate::upstream::Looker;
use crate::{announce, follow};

/// Looking, and asking providers, may take so long; what is left is for triggers and the record.
const LOOKING: Duration = Duration::from_secs(25);
/// So many cycles are looked at in one poll, the oldest first.
const MOST_LOOKS: usize = 500;

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
        scheduled_at: asked.scheduled_at,
        started_at: store.now,
    };
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
        let rows = self.read().await?;
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
        let mut rows = self.read().await?;
        let mut outgoing = self.follow(&mut rows, &mut tried, summary).await?;
        let runs: Vec<Run> = rows.iter().map(|row| row.run.clone()).collect();
        let mut looker = self.looker();
        let held_now = held(&self.app.watch_file, self.parameters);
        let plan = self.plan(&runs, &held_now, &mut looker, &mut tried, summary).await?;
        count(&plan, self.request.is_backfill(), summary);

        let known: HashMap<RunKey, Run> = runs.into_iter().map(|run| (run.key(), run)).collect();
        let changed = self.write_changes(&plan, &known, &looker, &mut outgoing).await?;
        let intents = self.write_intents(&plan, &known, &changed, &mut looker, summary).await?;
        let begun = self.start(&intents, &mut tried, summary).await?;
        outgoing.extend(begun.outgoing);

        self.raise(&outgoing, summary).await;
        let lags = self.lateness(&plan);
        announce::all(self.app, &self.store.connection, &rows, &lags.lags(), self.now, summary).await;
        let mut triggered: Vec<RunKey> = begun.triggered;
        triggered.extend(begun.unknown.into_iter().map(|(key, _)| key));
        triggered.sort();
        Ok(Done { triggered: triggered.iter().map(name).collect(), tried })
    }

    fn looker(&self) -> Looker<'_> {
        let until = Instant::now() + self.deadline.for_work().min(LOOKING);
        Looker::new(&self.app.mirrors, &self.app.http, self.now, until)
    }

    async fn read(&self) -> Result<Vec<Row>, Fault> {
        let wanted: Vec<(&str, Timestamp)> = self
            .rules
            .iter()
            .filter(|source| self.request.is_about(source))
            .map(|source| (source.name.as_str(), self.request.from(source, self.now)))
            .collect();
        Ok(runs::open(&self.store.connection.client, &wanted, patience(self.deadline)).await?)
    }

    /// Follows what is under way; `rows` are as they stand afterwards.
    async fn follow(&self, rows: &mut [Row], tried: &mut Tried, summary: &mut Summary) -> Result<Vec<Outgoing>, Fault> {
        let until = Instant::now() + self.deadline.for_work().min(LOOKING);
        let followed = follow::all(self.app, rows, self.parameters, self.now, until).await?;
        summary.looked_at("under_way", followed.looked_at);
        followed.asked.iter().for_each(|key| tried.asked(key));
        for (key, why) in followed.unanswered {
            tried.failed(&key, &why);
            summary.failed(name(&key), why);
        }
        if followed.moves.is_empty() {
            return Ok(Vec::new());
        }
        let moved = self.apply(&[], &followed.moves, &[]).await?;
        let mut outgoing = Vec::new();
        for step in followed.moves {
            let key = step.to.key();
            if !moved.contains_key(&key) {
                continue;
            }
            match step.to.status {
                RunStatus::Complete => summary.did("completed", 1),
                RunStatus::Failed => summary.did("failed", 1),
                _ => {}
            }
            outgoing.extend(step.signal);
            if let Some(row) = rows.iter_mut().find(|row| row.run.key() == key) {
                let ended = matches!(step.to.status, RunStatus::Complete | RunStatus::Failed);
                if ended && row.run.status != step.to.status {
                    row.finished_at = Some(self.now);
                    row.announced_at = None;
                }
                row.run = step.to;
            }
        }
        Ok(outgoing)
    }

    /// Plans, and looks upstream until the plan wants no more looks.
    async fn plan(
        &self,
        runs: &[Run],
        held: &BTreeMap<String, String>,
        looker: &mut Looker<'_>,
        tried: &mut Tried,
        summary: &mut Summary,
    ) -> Result<Plan, Fault> {
        let nothing = HashSet::new();
        let known: HashMap<RunKey, &Run> = runs.iter().map(|run| (run.key(), run)).collect();
        loop {
            let situation = Situation {
                sources: self.rules,
                runs,
                held,
                found: &looker.found,
                triggered: &nothing,
                looks: if looker.is_out_of_time() { 0 } else { MOST_LOOKS.saturating_sub(looker.found.len()) },
                request: self.request,
                now: self.now,
            };
            let planned = plan(&situation).map_err(|too_many| Fault::bad_payload(too_many.to_string()))?;
            let wanted: Vec<RunKey> = planned.looks().cloned().collect();
            if wanted.is_empty() {
                summary.looked_at("looked_at_upstream", looker.found.len());
                summary.did("listings", looker.listings);
                looker.found.keys().for_each(|key| tried.asked(key));
                for (key, why) in &looker.failed {
                    tried.failed(key, why);
                    summary.failed(name(key), why.clone());
                }
                return Ok(planned);
            }
            for key in wanted {
                // What there is no time for is left to the next call: it is not that upstream does not answer.
                if looker.is_out_of_time() {
                    break;
                }
                let Some(source) = self.app.watch_file.source(&key.source) else { continue };
                looker.look(source, key.at, known.get(&key).copied()).await;
            }
        }
    }

    /// Writes cycles that are new, and changes that are no triggers. Answers how those rows stand now.
    async fn write_changes(
        &self,
        plan: &Plan,
        known: &HashMap<RunKey, Run>,
        looker: &Looker<'_>,
        outgoing: &mut Vec<Outgoing>,
    ) -> Result<HashMap<RunKey, Run>, Fault> {
        let moves = Moves { watch_file: &self.app.watch_file, now: self.now };
        let new: Vec<RunKey> = plan.missing_rows().cloned().collect();
        let mut steps: Vec<Move> = Vec::new();
        for planned in &plan.cycles {
            let Some(source) = self.app.watch_file.source(&planned.key.source) else { continue };
            let run = known.get(&planned.key).cloned().unwrap_or_else(|| Run::new(&planned.key.source, planned.key.at));
            let look = match looker.found.get(&planned.key) {
                Some(Found::Complete { look } | Found::Waiting { look, .. }) => look.clone(),
                Some(Found::Unreadable { .. }) | None => None,
            };
            let seen = Run { look: look.or_else(|| run.look.clone()), ..run.clone() };
            match &planned.change {
                Some(change) => {
                    let mut step = moves.change(&source.rules, &seen, change)?;
                    step.from = run;
                    steps.push(step);
                }
                // What was seen is kept for the next look; a trigger writes it with its intent.
                None if seen.look != run.look && !matches!(planned.fate, Fate::Trigger { .. }) => {
                    steps.push(Move {
                        from: run,
                        to: seen,
                        compare: domain::upstream::Compare::StatusAndAttempt,
                        run_id: None,
                        observed_at: None,
                        most: None,
                        signal: None,
                    });
                }
                None => {}
            }
        }
        let late = self.lateness(plan).signals(known, self.app.watch_file.environment.as_str());
        if new.is_empty() && steps.is_empty() && late.is_empty() {
            return Ok(HashMap::new());
        }
        let moved = self.apply(&new, &steps, &late).await?;
        outgoing.extend(late);
        let steps = steps.into_iter().filter(|step| moved.contains_key(&step.to.key()));
        Ok(steps
            .map(|step| {
                outgoing.extend(step.signal);
                (step.to.key(), step.to)
            })
            .collect())
    }

    /// Writes the intents; what somebody else has taken, or what exceeds the source's places, is none.
    async fn write_intents(
        &self,
        plan: &Plan,
        known: &HashMap<RunKey, Run>,
        changed: &HashMap<RunKey, Run>,
        looker: &mut Looker<'_>,
        summary: &mut Summary,
    ) -> Result<Vec<Intent<'_>>, Fault> {
        let moves = Moves { watch_file: &self.app.watch_file, now: self.now };
        let mut steps: Vec<Move> = Vec::new();
        for planned in plan.triggers() {
            let (Fate::Trigger { anew, .. }, Some(source)) =
                (&planned.fate, self.app.watch_file.source(&planned.key.source))
            else {
                continue;
            };
            let fresh = || Run::new(&planned.key.source, planned.key.at);
            let run = changed.get(&planned.key).or_else(|| known.get(&planned.key)).cloned().unwrap_or_else(fresh);
            let look = match looker.found.get(&planned.key) {
                Some(Found::Complete { look }) => look.clone(),
                _ => None,
            };
            let mut step = moves.intent(&source.rules, &run, *anew)?;
            step.to.look = look.or(step.to.look);
            step.observed_at = looker.site(source, &step.to).await.observed_at;
            steps.push(step);
        }
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let moved = self.apply(&[], &steps, &[]).await?;
        let mut intents = Vec::new();
        for step in steps {
            let key = step.to.key();
            let (Some(run_id), Some(source)) = (moved.get(&key), self.app.watch_file.source(&key.source)) else {
                summary.skipped(name(&key), "somebody else has taken it, or its place, meanwhile");
                continue;
            };
            let site = looker.site(source, &step.to).await;
            intents.push(Intent { source, run: step.to, run_id: *run_id, site });
        }
        Ok(intents)
    }

    /// Starts what is written, by the switches as they are now.
    async fn start(&self, intents: &[Intent<'_>], tried: &mut Tried, summary: &mut Summary) -> Result<Begun, Fault> {
        if intents.is_empty() {
            return Ok(Begun::default());
        }
        let parameters = self.app.parameters_to_act(Instant::now()).await;
        let held = held(&self.app.watch_file, &parameters);
        let connection = &self.store.connection;
        let begun = starting::all(self.app, connection, &parameters, &held, intents, self.now, self.deadline).await?;
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
        Lateness { sources: self.rules, request: self.request, plan, now: self.now }
    }

    async fn apply(&self, new: &[RunKey], steps: &[Move], outgoing: &[Outgoing]) -> Result<runs::Moved, Fault> {
        let client = &self.store.connection.client;
        Ok(runs::apply(client, new, steps, outgoing, self.now, patience(self.deadline)).await?)
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
