//! Ticks: what the router does now and then by itself. Each says in its own file what; here is what they share: the clock,
//! a dry run, the summary, the ledger.

mod digest;
mod reconcile;
mod restored;
mod retry;
mod synthetic;

use std::time::Instant;

use domain::Timestamp;
use runtime::ledger::Begun;
use runtime::{Deadline, Fault, Summary, payload};
use tokio::sync::MutexGuard;

use crate::app::{App, Clock, Session, patience};
use crate::gone;
use crate::payload::{Tick, TickKind};

/// A tick under way.
struct Turn<'a> {
    app: &'a App,
    session: MutexGuard<'a, Session>,
    deadline: &'a Deadline,
    /// The instant that the tick decides by.
    now: Timestamp,
    /// The same, running on.
    clock: Clock,
    /// Whether nothing may be changed.
    dry_run: bool,
    summary: Summary,
}

/// Runs a tick. Overlapping and repeated ticks share the work: every row is leased, marked or known by its key.
///
/// # Errors
/// When the store is not to be had.
pub(crate) async fn run(app: &App, tick: &Tick, deadline: &Deadline) -> Result<Summary, Fault> {
    let started = Instant::now();
    let mut session = app.session().await;
    let store_now = match session.fresh_clock(app, deadline).await {
        Ok(now) => now,
        Err(fault) => return Ok(gone::tick(app, &mut session, &fault, tick, started)),
    };
    let now = tick.now.unwrap_or(store_now);
    let held_back = payload::held_back(tick.dry_run, tick.now, store_now, app.config.environment.is_local());
    let dry_run = held_back.is_some();
    let mut summary = Summary::new("alert-router", app.config.environment.as_str(), now, dry_run);
    if let Some(reason) = held_back.filter(|_| !tick.dry_run) {
        summary.skipped("everything", reason);
    }
    for stale in session.stale() {
        summary.failed(stale.name(), stale.to_string());
    }

    let mut turn = Turn { app, session, deadline, now, clock: Clock::read(now, started), dry_run, summary };
    match tick.tick {
        TickKind::Retry => retry::run(&mut turn).await?,
        TickKind::Reconcile => reconcile::run(&mut turn).await?,
        TickKind::Synthetic => synthetic::run(&mut turn).await?,
        TickKind::Digest => {
            digest::run(&mut turn).await?;
            restored::run(&mut turn).await?;
        }
    }

    let Turn { mut session, summary, .. } = turn;
    let summary = summary.finished(started.elapsed());
    if !dry_run {
        let run = Begun {
            run_id: summary.run_id,
            function: "alert-router",
            task: None,
            scheduled_at: tick.scheduled_at,
            started_at: store_now,
        };
        write_down(app, &mut session, &run, &summary, started, deadline).await;
    }
    session.done();
    Ok(summary)
}

/// Everything is done by now; a run without its row is missed by whoever watches the ledger.
pub(crate) async fn write_down(
    app: &App,
    session: &mut Session,
    run: &Begun,
    summary: &Summary,
    started: Instant,
    deadline: &Deadline,
) {
    let writing = async {
        let (connection, _) = session.parts(app).map_err(|fault| anyhow::anyhow!(fault.message))?;
        Ok(run.finish(connection, Ok(summary), started.elapsed()).await?)
    };
    let written = tokio::time::timeout(patience(deadline), writing).await;
    if let Err(error) = written.map_err(anyhow::Error::new).and_then(|done: anyhow::Result<()>| done) {
        let error = format!("{error:#}");
        tracing::error!(error, "The run is not in the ledger");
        session.drop_connection();
    }
}
