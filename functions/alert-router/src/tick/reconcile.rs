//! The reconcile tick: compares CloudWatch's alarms with the record, and records what a lost notification would have said.

use domain::ingest::{self, Message};
use domain::reconcile::{self, Listing};
use domain::{Policy, Signal};
use runtime::{Fault, Kind};
use store::{alarm_sources, vitals};
use uuid::Uuid;

use super::Turn;
use crate::app::patience;
use crate::deliver::{WaitsFor, deliver};
use crate::metrics::Metrics;
use crate::record::record;

/// How many signals one transaction records.
const AT_ONCE: usize = 500;

/// Makes up for notifications that were lost, and tells who has to be told.
///
/// # Errors
/// When the store is not to be had, or CloudWatch did not name every alarm: nobody else would hear of that. What was seen
/// until then is recorded all the same.
pub(super) async fn run(turn: &mut Turn<'_>) -> Result<(), Fault> {
    let Turn { app, session, deadline, now, clock, dry_run, summary } = turn;
    let (app, deadline, now) = (*app, *deadline, *now);
    let topic_arn = &app.config.alarms_topic_arn;
    let prefix = reconcile::arn_prefix(topic_arn).ok_or_else(|| {
        Fault::new(Kind::BadConfig, format!("ALARMS_TOPIC_ARN is {topic_arn:?}: expected the ARN of an SNS topic"))
    })?;

    // First the record: what begins to fire from here on is looked at the next time.
    let firing = alarm_sources::list_firing(&session.parts(app)?.0.client, &prefix).await?;
    let mut listing = Listing::default();
    let listed = tokio::time::timeout(deadline.for_work(), app.alarms.list(&mut listing)).await;
    let broke_off = listed.unwrap_or_else(|_| Err("the invocation's time ran out".to_owned())).err();
    summary.looked_at("alarms", listing.ours.len());
    summary.looked_at("alarms_of_others", listing.others.len());
    summary.looked_at("sources_firing", firing.len());

    let plan = reconcile::plan(&listing, &firing, now);
    let raising = plan.raise.iter().map(|alarm| reconcile::raising(alarm, topic_arn, now));
    let resolving = plan.resolve.iter().map(|(source, end)| reconcile::resolving(source, *end, now));
    let signals = read(raising.chain(resolving), &app.policy);
    summary.looked_at("notifications_lost", signals.len());
    if !*dry_run {
        let acknowledgement = vitals::read_acknowledgement(&session.parts(app)?.0.client, now).await?;
        Metrics::of(&app.policy).acknowledged(&acknowledgement, now);
        for some in signals.chunks(AT_ONCE) {
            let recorded = record(session.parts(app)?.0, some, &session.rules(app), patience(deadline)).await?;
            summary.did("signals_recorded", recorded.decisions.len());
        }
        for signal in &signals {
            let (source, status) = (&signal.source, signal.status.as_str());
            tracing::warn!(source, status, "The notification of {source} was lost; it is made up for");
        }
        if !signals.is_empty() {
            let (connection, receivers) = session.parts(app)?;
            let delivered = deliver(connection, receivers, &app.queue, *clock, deadline, WaitsFor::Critical).await?;
            summary.did("deliveries_sent", delivered.sent);
        }
    }
    match broke_off {
        None => Ok(()),
        Some(why) => Err(Fault::new(
            Kind::Failed,
            format!("CloudWatch named {} of its alarms, then: {why}", listing.ours.len() + listing.others.len()),
        )),
    }
}

fn read(messages: impl Iterator<Item = Message>, policy: &Policy) -> Vec<Signal> {
    messages.flat_map(|message| ingest::parse(&message, policy, &mut Uuid::now_v7)).collect()
}
