//! The story of an invocation: open the record, do the task, say what came of it.

use std::time::Instant;

use config::ArchiverConfig;
use domain::retention::Task;
use lambda_runtime::LambdaEvent;
use runtime::ledger::Begun;
use runtime::{Deadline, Fault, Kind, Summary, payload};
use serde_json::Value;

use crate::app::{App, patience};
use crate::payload::{Asked, parse};
use crate::report::Answer;
use crate::{archive, hard_delete, plan, restore, verify};

/// What a task works with.
pub(crate) struct Run<'a> {
    pub(crate) app: &'a App,
    pub(crate) store: &'a runtime::opening::Store,
    pub(crate) parameters: &'a config::Current,
    pub(crate) asked: &'a Asked,
    /// The clock that decides.
    pub(crate) now: jiff::Timestamp,
    /// Whether nothing may be changed.
    pub(crate) dry: bool,
    pub(crate) began: Instant,
    pub(crate) deadline: &'a Deadline,
}

/// Handles one invocation.
///
/// # Errors
/// A fault, in the classes of `runtime::Kind`, where nobody would hear otherwise.
pub(crate) async fn handle(app: Result<&App, &Fault>, event: LambdaEvent<Value>) -> Result<Answer, Fault> {
    let app = app.map_err(Fault::clone)?;
    let began = Instant::now();
    let deadline = Deadline::of(&event.context);
    let asked = parse(event.payload)?;
    let mut parameters = app.parameters(began).await;
    let store = app.store(&mut parameters, began, &deadline).await?;
    let environment = &app.watch_file.environment;
    let held_back = payload::held_back(asked.is_rehearsal(), asked.now, store.now, environment.is_local());
    let now = asked.now.unwrap_or(store.now);
    let dry = held_back.is_some();
    let mut summary = Summary::new(ArchiverConfig::FUNCTION, environment.as_str(), now, dry);
    for stale in &parameters.stale {
        summary.failed(stale.name(), stale.to_string());
    }
    if let Some(reason) = held_back {
        summary.skipped("everything", reason);
    }
    let begun = Begun {
        run_id: summary.run_id,
        function: ArchiverConfig::FUNCTION,
        task: Some(asked.task.as_str()),
        scheduled_at: asked.scheduled_at,
        started_at: store.now,
    };
    let run = Run { app, store: &store, parameters: &parameters, asked: &asked, now, dry, began, deadline: &deadline };
    let done = perform(&run, &mut summary).await;
    let ended = done.map(|results| Answer { summary: summary.finished(began.elapsed()), results });
    // Looking changes nothing, and proves nothing to who watches the ledger; nor does a slip of whoever asks, who is told of it.
    let is_slip = ended.as_ref().is_err_and(|fault| fault.kind == Kind::BadPayload);
    if !dry && asked.task != Task::Plan && !is_slip {
        write_down(&begun, &run, &ended).await;
    }
    ended
}

async fn perform(run: &Run<'_>, summary: &mut Summary) -> Result<Value, Fault> {
    match run.asked.task {
        Task::Archive => archive::run(run, true, summary).await,
        Task::Prune => {
            let mut pruned = archive::run(run, false, summary).await?;
            pruned["hard_deletes"] = hard_delete::overdue(run, summary).await?;
            Ok(pruned)
        }
        Task::Restore => restore::run(run, summary).await,
        Task::Verify => verify::run(run, summary).await,
        Task::Plan => plan::run(run, summary).await,
        Task::HardDelete => hard_delete::run(run, summary).await,
    }
}

/// A run without a row in the ledger is missed by whoever watches the ledger.
async fn write_down(begun: &Begun, run: &Run<'_>, ended: &Result<Answer, Fault>) {
    let summary = ended.as_ref().map(|answer| &answer.summary);
    let writing = begun.finish(&run.store.connection, summary, run.began.elapsed());
    let error = match tokio::time::timeout(patience(run.deadline), writing).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => format!("{:#}", anyhow::Error::new(error)),
        Err(_) => "Postgres did not answer in time".to_owned(),
    };
    tracing::error!(error, "The run is not in the ledger");
}
