//! The digest after a restore: what the backup held still to be told, and is not sent any more, is listed once. However
//! seldom digests are wanted, this one is told: nothing else says that these were not sent.

use domain::digest::{self, restored};
use domain::policy::SELF_RECEIVER;
use runtime::Fault;
use store::restored as record;
use uuid::Uuid;

use super::Turn;
use super::digest::with_kinds;
use crate::app::patience;
use crate::deliver::{WaitsFor, deliver};

/// Lists what a restore left untold, if it did, and sends the list.
///
/// # Errors
/// When the store is not to be had.
pub(super) async fn run(turn: &mut Turn<'_>) -> Result<(), Fault> {
    let Turn { app, session, deadline, now, clock, dry_run, summary } = turn;
    let (app, deadline, now) = (*app, *deadline, *now);
    let (connection, receivers) = session.parts(app)?;
    let client = &connection.client;
    let count = record::count(client).await?;
    summary.looked_at("deliveries_a_restore_left", count);
    if count == 0 || *dry_run {
        return Ok(());
    }
    let digest_id = Uuid::now_v7();
    let untold = record::list(client, digest_id, deadline.for_work()).await?;
    let told = restored::notification(digest_id, &app.policy.environment, &untold, now);
    // Where nobody takes digests, whoever operates this has to know.
    let mut to = with_kinds(digest::receivers(&app.policy), &app.policy);
    if to.is_empty() {
        to = with_kinds(vec![SELF_RECEIVER], &app.policy);
    }
    record::finish(client, digest_id, told.as_ref().map(|told| (told, to.as_slice())), patience(deadline)).await?;
    summary.did("deliveries_listed_after_a_restore", untold.deliveries);

    let delivered = deliver(connection, receivers, &app.queue, *clock, deadline, WaitsFor::Critical).await?;
    summary.did("deliveries_sent", delivered.sent);
    for (receiver, error) in delivered.failed {
        summary.failed(receiver, error);
    }
    Ok(())
}
