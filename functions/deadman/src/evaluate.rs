//! An evaluation: read the signals that could matter now, decide which heartbeats are missing, record and tell it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use config::Current;
use config::watch_file::Heartbeat;
use domain::Timestamp;
use domain::heartbeat::{Reading, Status};
use jiff::SignedDuration;
use runtime::ledger::Begun;
use runtime::opening::Store;
use runtime::{Deadline, Fault, Summary};
use store::Class;
use store::heartbeats::{self, Record};
use store::leases::{self, Lease, Taken};

use crate::app::{App, clock, open, patience};
use crate::decide::{Decided, Rules};
use crate::payload::When;
use crate::record::{self, Recorded};
use crate::report::{self, Answer};
use crate::signals::{self, Wanted};
use crate::{external, gone, notices};

/// The job whose lease evaluations take.
const JOB: &str = "deadman";
/// How much longer than an invocation its lease lasts: it ends before the next one is due.
const LEASE_AFTER: Duration = Duration::from_secs(5);

/// Runs one.
///
/// # Errors
/// Where nobody would hear otherwise: the deployment is wrong, or nothing could be recorded or raised.
pub(crate) async fn run(app: &App, when: When, began: Instant, deadline: &Deadline) -> Result<Answer, Fault> {
    let mut parameters = app.parameters(began).await;
    let mut store = app.store(&mut parameters, began, deadline).await;
    let clock = store.as_ref().map_or_else(|_| clock(), |store| store.now);
    let held_back = when.held_back(clock, app.watch_file.environment.is_local());
    let now = when.now.unwrap_or(clock);
    let mut summary = Summary::new("deadman", app.watch_file.environment.as_str(), now, held_back.is_some());
    let run = Begun {
        run_id: summary.run_id,
        function: "deadman",
        task: None,
        scheduled_at: when.scheduled_at,
        started_at: clock,
    };
    for stale in &parameters.stale {
        summary.failed(stale.name(), stale.to_string());
    }
    let evaluation = Evaluation { app, parameters: &parameters, now, deadline };
    let done = match (&mut store, held_back) {
        (Ok(store), Some(reason)) => rehearse(&evaluation, store, reason, &mut summary).await,
        (Ok(store), None) => on_record(&evaluation, store, &mut summary).await,
        (Err(fault), Some(_)) => Err(fault.clone()),
        (Err(fault), None) => {
            let at = when.scheduled_at.unwrap_or(now);
            gone::evaluate(&evaluation, fault, at, &mut summary).await
        }
    };
    if app.readers.take_refused() {
        // The next evaluation reads with what SSM has by then; what could not be read now is unknown for a minute.
        app.secrets_refused(began).await;
    }
    let ended = done.map(|decided| report::answer(decided, summary.finished(began.elapsed())));
    if let (Ok(store), None) = (&store, held_back) {
        write_down(&run, store, &ended, began, deadline).await;
    }
    ended
}

/// What an evaluation goes by.
#[derive(Clone, Copy)]
pub(crate) struct Evaluation<'a> {
    pub(crate) app: &'a App,
    pub(crate) parameters: &'a Current,
    pub(crate) now: Timestamp,
    pub(crate) deadline: &'a Deadline,
}

/// Decides, and changes nothing.
async fn rehearse(
    evaluation: &Evaluation<'_>,
    store: &Store,
    reason: &str,
    summary: &mut Summary,
) -> Result<Decided, Fault> {
    let before = heartbeats::open(&store.connection.client, patience(evaluation.deadline)).await?;
    let readings = evaluation.read(Some(store), &before, SignedDuration::ZERO).await;
    let decided = evaluation.rules().all(&before, &readings, evaluation.now);
    summary.skipped("recording", reason);
    report::count(&decided, &readings, summary);
    Ok(decided)
}

/// Decides on record, and tells.
async fn on_record(evaluation: &Evaluation<'_>, store: &mut Store, summary: &mut Summary) -> Result<Decided, Fault> {
    let Evaluation { app, parameters, now, deadline } = *evaluation;
    let client = &store.connection.client;
    let holder = summary.run_id.to_string();
    let Some(Taken { lease, idle_for }) = leases::take(client, JOB, &holder, deadline.left() + LEASE_AFTER).await?
    else {
        summary.skipped("evaluation", "another one is under way");
        return Ok(Decided::default());
    };
    let before = heartbeats::open(client, patience(deadline)).await?;
    let readings = evaluation.read(Some(store), &before, idle_for).await;
    let Some(decided) = decide(evaluation, store, lease, &readings, summary).await? else {
        return Ok(Decided::default());
    };
    report::count(&decided, &readings, summary);

    let raised = record::send_signals(store, &app.queue, &decided.changes.outgoing, deadline, summary).await;
    let told = notices::tell(app, store, deadline, summary).await;
    let measured = report::publish(app, &decided, now, summary).await;
    // Who could read nothing at all has evaluated nothing.
    let is_looked_for = |reading: &&Reading| !matches!(reading, Reading::Unread | Reading::Waiting { .. });
    let mut looked = readings.values().filter(is_looked_for).peekable();
    let blind = looked.peek().is_some() && looked.all(|reading| matches!(reading, Reading::Unknown { .. }));
    if raised && told && measured && !blind {
        external::complete(app, parameters, now, deadline, summary).await;
    }
    Ok(decided)
}

/// Decides on record; `None` where somebody else's evaluation stands.
///
/// While signals were read the connection lay idle, and may have died of it: then once more with another. If it was the
/// commit that got no answer, the second try finds the evaluation there.
async fn decide(
    evaluation: &Evaluation<'_>,
    store: &mut Store,
    lease: Lease,
    readings: &BTreeMap<&str, Reading>,
    summary: &mut Summary,
) -> Result<Option<Decided>, Fault> {
    let Evaluation { app, parameters, now, deadline } = *evaluation;
    let rules = evaluation.rules();
    let recorded = match record::evaluate(store, rules, lease, readings, now, deadline).await {
        Err(error) if error.class() == Class::Unavailable => {
            *store = open(&parameters.secrets, deadline).await?;
            record::evaluate(store, rules, lease, readings, now, deadline).await?
        }
        recorded => recorded?,
    };
    Ok(match recorded {
        Recorded::Done(decided) => {
            app.known.lock().await.remember(&decided.states);
            Some(decided)
        }
        Recorded::Newer(at) => {
            summary.skipped("evaluation", format!("what was evaluated at {at}, not before this run's now, stands"));
            None
        }
        Recorded::Fenced => {
            summary.skipped("evaluation", "it took longer than its lease, and another one has taken over");
            None
        }
    })
}

impl<'a> Evaluation<'a> {
    fn rules(&self) -> Rules<'a> {
        Rules { watch_file: &self.app.watch_file, switches: &self.parameters.switches }
    }

    /// Reads the signals that could matter now, of heartbeats that are watched, when nobody has evaluated for `idle_for`.
    async fn read(
        &self,
        store: Option<&Store>,
        before: &Record,
        idle_for: SignedDuration,
    ) -> BTreeMap<&'a str, Reading> {
        let watched = self.app.watch_file.heartbeats.iter().filter(|heartbeat| {
            let paused = before.states.get(&heartbeat.rules.name).is_some_and(|state| state.status == Status::Paused);
            !paused && !self.is_off(heartbeat)
        });
        let wanted = watched.map(|heartbeat| Wanted {
            heartbeat,
            state: before.states.get(&heartbeat.rules.name),
            slots: before.slots_of(&heartbeat.rules.name),
            idle_for,
        });
        self.look(wanted.collect(), store).await
    }

    /// Reads these signals.
    pub(crate) async fn look(&self, wanted: Vec<Wanted<'a, '_>>, store: Option<&Store>) -> BTreeMap<&'a str, Reading> {
        let Self { app, parameters, now, deadline } = *self;
        let connection = store.map(|store| &store.connection);
        signals::read(&app.readers, &app.watch_file, wanted, connection, &parameters.secrets, now, deadline).await
    }

    /// Whether a switch has stopped the watch over a heartbeat.
    pub(crate) fn is_off(&self, heartbeat: &Heartbeat) -> bool {
        heartbeat.switch.as_ref().is_some_and(|switch| self.parameters.switches.get(switch).is_off())
    }
}

/// Writes the run into the ledger. A run without a row there is missed by whoever watches the ledger.
async fn write_down(run: &Begun, store: &Store, ended: &Result<Answer, Fault>, began: Instant, deadline: &Deadline) {
    let summary = ended.as_ref().map(|answer| &answer.summary);
    let writing = run.finish(&store.connection, summary, began.elapsed());
    let error = match tokio::time::timeout(patience(deadline), writing).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => format!("{:#}", anyhow::Error::new(error)),
        Err(_) => "Postgres did not answer in time".to_owned(),
    };
    tracing::error!(error, "The run is not in the ledger");
}
