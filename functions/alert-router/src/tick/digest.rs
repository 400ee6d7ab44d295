//! The digest tick: one quiet message about what was suppressed since the last one, when it is time.

use domain::digest;
use domain::policy::{Integration, Policy};
use jiff::SignedDuration;
use runtime::Fault;
use store::digests;
use uuid::Uuid;

use super::Turn;
use crate::app::patience;
use crate::deliver::{WaitsFor, deliver};

/// How many signals are taken into a digest in one transaction; an hour of a storm has a million.
const AT_ONCE: i64 = 10_000;
/// Schedules are not to the second.
const SLACK: SignedDuration = SignedDuration::from_secs(30);

/// Sums up what told nobody, and sends it.
///
/// # Errors
/// When the store is not to be had.
pub(super) async fn run(turn: &mut Turn<'_>) -> Result<(), Fault> {
    let Turn { app, session, deadline, now, clock, dry_run, summary } = turn;
    let (app, deadline, now) = (*app, *deadline, *now);
    let Some(every) = app.policy.digest_every else {
        summary.skipped("digest", "the watch file says digest_every = \"0s\"");
        return Ok(());
    };
    let (connection, receivers) = session.parts(app)?;
    let client = &connection.client;
    let last = digests::last(client).await?;
    // One that broke off is gone on with, whenever it was due.
    let unfinished = last.clone().filter(|last| !last.is_told);
    if unfinished.is_none()
        && let Some(next) = last.and_then(|last| last.to.checked_add(every).ok())
        && next.checked_sub(SLACK).is_ok_and(|next| next > now)
    {
        summary.skipped("digest", format!("the next one is due at {next}"));
        return Ok(());
    }
    if *dry_run {
        summary.skipped("digest", "it is due, and this is a dry run");
        return Ok(());
    }
    let begun = match unfinished {
        Some(unfinished) => Some(unfinished),
        None => digests::begin(client, Uuid::now_v7(), now).await?,
    };
    let Some(digest) = begun else {
        summary.skipped("digest", "nothing was suppressed yet, or another run sends it");
        return Ok(());
    };
    loop {
        if deadline.for_work().is_zero() {
            summary.remaining.push("digest".to_owned());
            return Ok(());
        }
        let taken = digests::take(client, digest.digest_id, AT_ONCE, patience(deadline)).await?;
        summary.did("signals_summed_up", taken);
        if taken == 0 {
            break;
        }
    }
    let suppressed = digests::count(client, digest.digest_id, deadline.for_work()).await?;
    let window = (digest.from, digest.to);
    let told = digest::notification(digest.digest_id, window, &app.policy.environment, &suppressed);
    let to = with_kinds(digest::receivers(&app.policy), &app.policy);
    if told.is_some() && to.is_empty() {
        summary.skipped("digest", "nobody of `routes.default` takes digests: PagerDuty would wake somebody");
    }
    let telling = told.as_ref().filter(|_| !to.is_empty()).map(|told| (told, to.as_slice()));
    digests::finish(client, digest.digest_id, telling, now, patience(deadline)).await?;

    let delivered = deliver(connection, receivers, &app.queue, *clock, deadline, WaitsFor::Critical).await?;
    summary.did("deliveries_sent", delivered.sent);
    for (receiver, error) in delivered.failed {
        summary.failed(receiver, error);
    }
    Ok(())
}

/// Receivers, each with its kind.
pub(super) fn with_kinds<'a>(names: Vec<&'a str>, policy: &Policy) -> Vec<(&'a str, Integration)> {
    names.into_iter().filter_map(|name| Some((name, policy.receivers.get(name)?.integration))).collect()
}
