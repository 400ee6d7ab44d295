//! What a run has to tell: conditions that began or ended as signals, measurements as metrics, and that it was complete.

use config::{HealthcheckConfig, Secrets};
use domain::Timestamp;
use domain::condition::Condition;
use runtime::embedded::Placed;
use runtime::{Deadline, Fault, Kind, Summary};
use store::Class;

use crate::app::App;
use crate::configured::Configured;
use crate::direct::{self, Missing};
use crate::record::{self, Outcome, Store};

/// What is to be told.
pub(crate) struct Found<'w> {
    pub(crate) conditions: Vec<Condition>,
    pub(crate) configured: Configured<'w>,
    pub(crate) data: Vec<Placed>,
    /// A watched database let nobody in.
    pub(crate) database_gone: bool,
}

/// Tells everything, each in its own way, whatever becomes of the others.
///
/// # Errors
/// Where nobody would hear otherwise: a signal is neither on record nor on the queue, or the deployment is wrong.
pub(crate) async fn tell(
    app: &App,
    (store, secrets): (&mut Result<Store, Fault>, &Secrets),
    mut found: Found<'_>,
    (now, at): (Timestamp, Timestamp),
    deadline: &Deadline,
    summary: &mut Summary,
) -> Result<(), Fault> {
    let signalled = signal(app, (store, secrets), &mut found, (now, at), deadline, summary).await;
    let sent = metrics::publish(&app.cloudwatch, &app.watch_file, &found.data, now).await;
    summary.did("published", sent.published);
    summary.did("embedded", sent.embedded);
    if let Some(why) = sent.failure {
        summary.failed("publishing", why);
        return signalled;
    }
    signalled?;
    if let Err(why) = metrics::heartbeat(&app.cloudwatch, &app.watch_file, HealthcheckConfig::HEARTBEAT, now).await {
        summary.failed("heartbeat", why);
    }
    Ok(())
}

/// Tells conditions, on record if there is one.
async fn signal(
    app: &App,
    (store, secrets): (&mut Result<Store, Fault>, &Secrets),
    found: &mut Found<'_>,
    (now, at): (Timestamp, Timestamp),
    deadline: &Deadline,
    summary: &mut Summary,
) -> Result<(), Fault> {
    let mut remembered = app.remembered.lock().await;
    // While checks were asked, the connection lay idle, and may have died of it. If it was the commit that got no answer, the
    // second try finds the evaluation there and changes nothing.
    let mut tries = 0..2;
    while let (Ok(open), Some(attempt)) = (&*store, tries.next()) {
        match record::on_record(open, &app.queue, &found.conditions, &found.configured, now, deadline).await {
            Ok((outcome, states)) => {
                *remembered = Some(states);
                count(outcome, summary);
                return Ok(());
            }
            // What was begun there may still be under way: its connection is not used again.
            Err(error) if attempt == 0 && error.class() == Class::Unavailable => {
                *store = Store::open(secrets, deadline).await;
            }
            Err(error) => *store = Err(error.into()),
        }
    }
    let Err(why) = store else { return Ok(()) };
    tracing::error!(error = why.message, "There is no record: what has to be told goes out directly");
    // A deployment that is wrong is answered as an error, and told once.
    let wrong = why.kind != Kind::Unavailable;
    let missing = Missing { why, said: wrong || found.database_gone };
    let environment = found.configured.environment();
    let outcome =
        direct::off_record(&app.queue, &mut remembered, &mut found.conditions, environment, &missing, (now, at)).await;
    let unsent = outcome.unsent.len();
    count(outcome, summary);
    summary.failed(record::STORE, why.message.clone());
    if wrong {
        return Err(why.clone());
    }
    if unsent > 0 {
        let message = format!("{unsent} signals could be neither recorded ({}) nor sent", why.message);
        return Err(Fault::new(Kind::Unavailable, message));
    }
    Ok(())
}

fn count(outcome: Outcome, summary: &mut Summary) {
    summary.looked_at("firing", outcome.firing);
    summary.did("raised", outcome.raised);
    if let Some(newer) = outcome.newer {
        summary.skipped(
            "thresholds",
            format!("what was evaluated at {newer}, which is later than this run's now, stands"),
        );
    }
    for (id, why) in outcome.unsent {
        summary.failed(id, why);
    }
}
