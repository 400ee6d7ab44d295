//! The retry tick: sends what was raised and never left, tells who is due, closes what has expired.

use std::time::Instant;

use config::RouterConfig;
use domain::Timestamp;
use domain::check::Datum;
use domain::fingerprint::Labels;
use jiff::SignedDuration;
use runtime::embedded::{self, Placed};
use runtime::ledger::Begun;
use runtime::raise::raise;
use runtime::{Deadline, Fault, Summary};
use store::deliveries::{self, Backlog};
use store::{events, outbox, suspects};

use crate::app::{App, Clock, patience};
use crate::deliver::deliver;
use crate::payload::Tick;

/// How many signals of the outbox one tick sends; the next one comes in a minute.
const OUTBOX: i64 = 500;
/// A `now` further from the store's clock than this is a replay: it changes nothing, except in the local cloud.
const REPLAY: SignedDuration = SignedDuration::from_mins(5);

/// Runs a retry tick. Overlapping and repeated ticks share the work: every row is leased or marked.
///
/// # Errors
/// When the store is not to be had.
pub(crate) async fn retry(app: &App, tick: &Tick, deadline: &Deadline) -> Result<Summary, Fault> {
    let started = Instant::now();
    let mut session = app.session().await;
    let store_now = session.fresh_clock(app, deadline).await?;
    let (connection, receivers) = session.parts(app)?;
    let now = tick.now.unwrap_or(store_now);
    let replay = now.duration_since(store_now).abs() > REPLAY && !app.config.environment.is_local();
    let dry_run = tick.dry_run || replay;
    let mut summary = Summary::new("alert-router", app.config.environment.as_str(), now, dry_run);
    if replay && !tick.dry_run {
        summary.skipped("everything", "`now` is more than 5 minutes from the store's clock, so this is a dry run");
    }

    for stale in session.stale() {
        summary.failed(stale.name(), stale.to_string());
    }

    let unsent = outbox::list_unsent(&connection.client, now, OUTBOX).await?;
    summary.looked_at("outbox", unsent.len());
    let backlog = deliveries::backlog(&connection.client, now).await?;
    summary.looked_at("deliveries_due", backlog.due);
    if dry_run {
        session.done();
        return Ok(summary.finished(started.elapsed()));
    }

    let expired = events::expire(&connection.client, now, app.policy.dedup_window, patience(deadline)).await?;
    summary.did("alerts_expired", expired);
    summary.did("suspects_forgotten", suspects::forget(&connection.client, now).await?);
    let raised = raise(connection, &app.queue, &unsent, now).await?;
    summary.did("signals_raised", raised.sent);
    for (id, error) in raised.failed {
        summary.failed(id, error);
    }
    let delivered = deliver(connection, receivers, Clock::read(now, started), deadline).await?;
    summary.did("deliveries_sent", delivered.sent);
    summary.did("deliveries_to_retry", delivered.retrying);
    for (receiver, error) in delivered.failed {
        summary.failed(receiver, error);
    }
    if delivered.more {
        summary.remaining.push("deliveries".to_owned());
    }
    report_backlog(app, &backlog, now);
    let summary = summary.finished(started.elapsed());
    let run = Begun {
        run_id: summary.run_id,
        function: "alert-router",
        scheduled_at: tick.scheduled_at,
        started_at: store_now,
    };
    // Everything is done by now; a run without its row is missed by whoever watches the ledger.
    let writing = run.finish(connection, Ok(&summary), started.elapsed());
    let written = tokio::time::timeout(patience(deadline), writing).await;
    if let Err(error) = written.map_err(anyhow::Error::new).and_then(|done| done.map_err(anyhow::Error::new)) {
        let error = format!("{error:#}");
        tracing::error!(error, "The tick is not in the ledger");
        session.drop_connection();
    }
    session.done();
    Ok(summary)
}

/// Says for how long somebody has been waiting to be told; an alarm on `self` watches it. As a log line, since the router
/// has no other use for CloudWatch.
fn report_backlog(app: &App, backlog: &Backlog, now: Timestamp) {
    let datum = Datum {
        name: RouterConfig::OLDEST_DELIVERY.to_owned(),
        value: backlog.oldest,
        unit: Some("Seconds".to_owned()),
    };
    let placed = [Placed { dimensions: Labels::new(), datum }];
    embedded::log(&app.policy.namespace, &app.policy.environment, &placed, now);
}
