//! The retry tick: sends what was raised and never left, tells who is due, closes what has expired.

use runtime::raise::raise;
use runtime::{Deadline, Fault, Summary};
use store::{deliveries, events, outbox, suspects, vitals};

use super::Turn;
use crate::again::decide_what_is_due;
use crate::app::{App, Session, patience};
use crate::deliver::{WaitsFor, deliver};
use crate::gone;
use crate::metrics::Metrics;

/// How many signals of the outbox one tick sends; the next one comes in a minute.
const OUTBOX: i64 = 500;

/// Catches up with everything that is due.
///
/// # Errors
/// When the store is not to be had.
pub(super) async fn run(turn: &mut Turn<'_>) -> Result<(), Fault> {
    let Turn { app, session, deadline, now, clock, dry_run, summary } = turn;
    let (app, deadline, now) = (*app, *deadline, *now);
    if !*dry_run {
        gone::drain_in_tick(app, session, deadline, summary).await?;
    }
    let (connection, _) = session.parts(app)?;

    let unsent = outbox::list_unsent(&connection.client, now, OUTBOX).await?;
    summary.looked_at("outbox", unsent.len());
    let backlog = deliveries::backlog(&connection.client, now).await?;
    summary.looked_at("deliveries_due", backlog.due);
    if *dry_run {
        return Ok(());
    }

    match decide_what_is_due(connection, &session.rules(app), now, deadline).await {
        Ok(due_again) => {
            summary.looked_at("alerts_due_again", due_again.looked_at);
            summary.did("deliveries_due_again", due_again.deliveries);
            if due_again.more {
                summary.remaining.push("alerts due again".to_owned());
            }
        }
        Err(error) => go_on_without("alerts_due_again", error, app, session, deadline, summary).await?,
    }
    let client = &session.parts(app)?.0.client;
    match events::expire(client, now, app.policy.dedup_window, patience(deadline)).await {
        Ok(expired) => summary.did("alerts_expired", expired),
        Err(error) => go_on_without("alerts_expired", error, app, session, deadline, summary).await?,
    }
    let client = &session.parts(app)?.0.client;
    summary.did("suspects_forgotten", suspects::forget(client, now).await?);
    match raise(session.parts(app)?.0, &app.queue, &unsent, now).await {
        Ok(raised) => {
            summary.did("signals_raised", raised.sent);
            for (id, error) in raised.failed {
                summary.failed(id, error);
            }
        }
        Err(error) => go_on_without("signals_raised", error, app, session, deadline, summary).await?,
    }
    let (connection, receivers) = session.parts(app)?;
    let known = receivers.known();
    summary.did("deliveries_held", deliveries::hold(&connection.client, &known, patience(deadline)).await?);
    let released = deliveries::release(&connection.client, now, &known, patience(deadline)).await?;
    summary.did("deliveries_released", released.pending);
    summary.did("deliveries_cancelled", released.cancelled);
    let everything = WaitsFor::Everything;
    let delivered = deliver(connection, receivers, &app.queue, *clock, deadline, everything).await?;
    summary.did("deliveries_sent", delivered.sent);
    summary.did("deliveries_to_retry", delivered.retrying);
    summary.did("told_instead", delivered.told_instead);
    for (receiver, error) in delivered.failed {
        summary.failed(receiver, error);
    }
    if delivered.more {
        summary.remaining.push("deliveries".to_owned());
    }
    let vitals = vitals::read(&connection.client, &app.policy.environment, now).await?;
    Metrics::of(&app.policy).stands(&backlog, &vitals, now);
    Ok(())
}

/// Notes what failed and goes on, so that whoever is due is told all the same. The connection may hold an open transaction,
/// so a new one is taken.
///
/// # Errors
/// When there is none to be had.
async fn go_on_without(
    what: &str,
    error: store::Error,
    app: &App,
    session: &mut Session,
    deadline: &Deadline,
    summary: &mut Summary,
) -> Result<(), Fault> {
    let error = format!("{:#}", anyhow::Error::new(error));
    tracing::error!(what, error, "A part of the tick failed");
    summary.failed(what, error);
    session.drop_connection();
    session.ready(app, deadline).await.map(|_| ())
}
