//! The retry tick: sends what was raised and never left, tells who is due, closes what has expired.

use runtime::Fault;
use runtime::raise::raise;
use store::{deliveries, events, outbox, suspects, vitals};

use super::Turn;
use crate::again::decide_what_is_due;
use crate::app::patience;
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
    let (connection, receivers) = session.parts(app)?;

    let unsent = outbox::list_unsent(&connection.client, now, OUTBOX).await?;
    summary.looked_at("outbox", unsent.len());
    let backlog = deliveries::backlog(&connection.client, now).await?;
    summary.looked_at("deliveries_due", backlog.due);
    if *dry_run {
        return Ok(());
    }

    let due_again = decide_what_is_due(connection, &session.rules(app), now, deadline).await?;
    summary.looked_at("alerts_due_again", due_again.looked_at);
    summary.did("deliveries_due_again", due_again.deliveries);
    if due_again.more {
        summary.remaining.push("alerts due again".to_owned());
    }
    let expired = events::expire(&connection.client, now, app.policy.dedup_window, patience(deadline)).await?;
    summary.did("alerts_expired", expired);
    summary.did("suspects_forgotten", suspects::forget(&connection.client, now).await?);
    let raised = raise(connection, &app.queue, &unsent, now).await?;
    summary.did("signals_raised", raised.sent);
    for (id, error) in raised.failed {
        summary.failed(id, error);
    }
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
