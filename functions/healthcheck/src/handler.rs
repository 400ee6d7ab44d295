//! The story of an invocation: ask what the watch file asks, decide what that means, tell it, write it down, answer it.

use std::collections::BTreeSet;
use std::time::Instant;

use config::watch_file::Check;
use config::{Current, Switches};
use jiff::Timestamp;
use lambda_runtime::LambdaEvent;
use runtime::ledger::Begun;
use runtime::{Deadline, Fault, Summary, payload};
use serde_json::Value;

use crate::app::App;
use crate::ask::{self, Measurement, Outcome};
use crate::conditions;
use crate::configured::Configured;
use crate::order::in_turn;
use crate::payload::Payload;
use crate::record::{self, Store};
use crate::report::{Answer, Report};
use crate::subscribers;
use crate::tell::{Found, tell};

/// Handles one invocation.
///
/// # Errors
/// A fault, in the classes of `runtime::Kind`, where nobody would hear otherwise: a bad payload or deployment, signals
/// that could be neither recorded nor raised, a dry run in which every check failed.
pub(crate) async fn handle(app: Result<&App, &Fault>, event: LambdaEvent<Value>) -> Result<Answer, Fault> {
    let app = app.map_err(Fault::clone)?;
    let began = Instant::now();
    let deadline = Deadline::of(&event.context);
    let payload: Payload = payload::parse(event.payload)?;
    let checks = payload.select(&app.watch_file)?;

    let mut parameters = app.parameters(began).await;
    let mut store = open(app, &mut parameters, began, &deadline).await;
    let clock = store.as_ref().map_or_else(|_| clock(), |store| store.now);
    let held_back = payload::held_back(payload.dry_run, payload.now, clock, app.watch_file.environment.is_local());
    let now = payload.now.unwrap_or(clock);
    let mut summary = Summary::new("healthcheck", app.watch_file.environment.as_str(), now, held_back.is_some());
    let run = Begun {
        run_id: summary.run_id,
        function: "healthcheck",
        task: None,
        scheduled_at: payload.scheduled_at,
        started_at: clock,
    };

    for stale in &parameters.stale {
        summary.failed(stale.name(), stale.to_string());
    }
    let (checks, off) = switched(checks, &parameters.switches, &mut summary);
    let checks = match &store {
        Ok(store) => in_turn(checks, &store.turns),
        Err(_) => checks,
    };
    let measured = measure(app, checks, &mut parameters, (began, clock), &deadline).await;
    let mut report = Report::of(&measured);

    let done = match held_back {
        Some(reason) => {
            summary.skipped("publishing", reason);
            report.refuse_total_failure()
        }
        None => {
            let found = Found {
                conditions: conditions(app, &store, &measured, now).await,
                configured: Configured::new(&app.watch_file, off, report.answered(), payload.checks.is_none()),
                data: report.take_data(),
                database_gone: measured.databases.values().any(Result::is_err),
            };
            let at = payload.scheduled_at.unwrap_or(now);
            tell(app, (&mut store, &parameters.secrets), found, (now, at), &deadline, &mut summary).await
        }
    };
    let metrics = report.tell(&mut summary);
    let ended = done.map(|()| Answer { summary: summary.finished(began.elapsed()), metrics });
    if held_back.is_none() {
        write_down(&run, &store, &ended, began, &deadline).await;
    }
    ended
}

/// Our own database; with another secret, if SSM has another than the one it refused.
async fn open(app: &App, parameters: &mut Current, began: Instant, deadline: &Deadline) -> Result<Store, Fault> {
    let fault = match Store::open(&parameters.secrets, deadline).await {
        Ok(store) => return Ok(store),
        Err(fault) => fault,
    };
    let Some(current) = app.secret_refused(began).await else { return Err(fault) };
    *parameters = current;
    Store::open(&parameters.secrets, deadline).await
}

/// The checks that nobody switched off, and the names of those that somebody did.
fn switched<'w>(
    checks: Vec<&'w Check>,
    switches: &Switches,
    summary: &mut Summary,
) -> (Vec<&'w Check>, BTreeSet<&'w str>) {
    let (mut on, mut off) = (Vec::with_capacity(checks.len()), BTreeSet::new());
    for check in checks {
        match &check.switch {
            Some(switch) if switches.get(switch).is_off() => {
                summary.skipped(&check.name, format!("the switch {switch} is off"));
                off.insert(check.name.as_str());
            }
            _ => on.push(check),
        }
    }
    (on, off)
}

/// Asks everything; what a database did not let in for, once more where SSM has another secret by now.
async fn measure<'w>(
    app: &'w App,
    checks: Vec<&'w Check>,
    parameters: &mut Current,
    (began, clock): (Instant, Timestamp),
    deadline: &Deadline,
) -> Measurement<'w> {
    let mut measured = ask::measure(&app.clients, &app.watch_file, checks, &parameters.secrets, clock, deadline).await;
    if !measured.databases.values().flat_map(|asked| asked.as_ref().err()).any(|failure| failure.kind.doubts_secrets())
    {
        return measured;
    }
    let Some(current) = app.secret_refused(began).await else { return measured };
    *parameters = current;
    let (again, rest): (Vec<_>, Vec<_>) =
        measured.checked.into_iter().partition(|checked| matches!(checked.outcome, Outcome::Unreachable));
    let again = again.iter().map(|checked| checked.check).collect();
    let second = ask::measure(&app.clients, &app.watch_file, again, &parameters.secrets, clock, deadline).await;
    measured.checked = rest.into_iter().chain(second.checked).collect();
    measured.databases.extend(second.databases);
    measured
}

/// What was measured says about conditions, and once a day, whether anybody would hear of Watchkeeper's own.
async fn conditions(
    app: &App,
    store: &Result<Store, Fault>,
    measured: &Measurement<'_>,
    now: Timestamp,
) -> Vec<domain::condition::Condition> {
    let turns = store.as_ref().ok().map(|store| &store.turns);
    let mut conditions = conditions::of(&app.watch_file, measured, turns, now);
    if let Ok(store) = store
        && subscribers::is_due(store.turns.get(subscribers::CHECK), now)
    {
        conditions.extend(subscribers::ask(&app.sns, &app.config).await);
    }
    conditions
}

/// Writes the run into the ledger. A run without a row there is missed by whoever watches the ledger.
async fn write_down(
    run: &Begun,
    store: &Result<Store, Fault>,
    ended: &Result<Answer, Fault>,
    began: Instant,
    deadline: &Deadline,
) {
    let Ok(store) = store else { return };
    let summary = ended.as_ref().map(|answer| &answer.summary);
    let writing = run.finish(&store.connection, summary, began.elapsed());
    let error = match tokio::time::timeout(record::patience(deadline), writing).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => format!("{:#}", anyhow::Error::new(error)),
        Err(_) => "Postgres did not answer in time".to_owned(),
    };
    tracing::error!(error, "The run is not in the ledger");
}

/// The clock while there is no store to ask for its own.
#[expect(clippy::disallowed_methods, reason = "the one place where healthcheck reads the clock")]
fn clock() -> Timestamp {
    Timestamp::now()
}
