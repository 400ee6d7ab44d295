//! One try of one request: what is said, what came of it, and what that makes of the delivery, of others and of the
//! receiver.

use std::time::Instant;

use domain::Notification;
use domain::delivery::{
    Failed, Next, Outcome, Spread, after_try, key_of_fold, note_of_others, pause_of_receiver, refuses_everything,
};
use runtime::Deadline;
use store::deliveries::{Finish, Lease, Others, Tried};
use store::outbox::Outgoing;

use crate::app::Clock;
use crate::receivers::{Receivers, Told};

/// A try that is over.
pub(super) struct Attempt {
    pub(super) lease: Lease,
    pub(super) tried: Tried,
    pub(super) finish: Finish,
}

/// One try, given up while there is time to record that no answer came.
pub(super) async fn attempt(receivers: &Receivers, lease: Lease, clock: Clock, deadline: &Deadline) -> Attempt {
    failpoint::pass("about to send");
    let started = Instant::now();
    let notification = said(&lease);
    let telling = receivers.tell(&lease.receiver, &notification, lease.repeat);
    let told = tokio::time::timeout(deadline.for_work(), telling).await.unwrap_or_else(|_| Told::cut_short());
    failpoint::pass("sent, not marked");
    let tried = Tried {
        at: clock.now(),
        outcome: told.outcome,
        http_status: told.http_status,
        provider_id: told.provider_id,
        latency: started.elapsed(),
        error: told.error,
    };
    let finish = what_follows(&lease, &tried);
    Attempt { lease, tried, finish }
}

/// What goes out. A storm's worst notice names the others, and has the key of just these: with other company it is not the
/// same request.
fn said(lease: &Lease) -> Notification {
    let mut notification = lease.notification.clone();
    if !lease.folded.is_empty() {
        notification.notes.push(note_of_others(lease.folded.len(), &lease.named));
        notification.dedup_key = key_of_fold(&notification.dedup_key, &lease.folded);
    }
    notification
}

fn what_follows(lease: &Lease, tried: &Tried) -> Finish {
    let next = after_try(&tried.outcome, lease.tries, lease.waiting_since, Spread::of(lease.delivery_id), tried.at);
    let mut why = tried.error.clone().unwrap_or_else(|| tried.outcome.as_str().to_owned());
    if next == Next::Failed && tried.outcome != Outcome::Permanent {
        why = format!("every try of a day failed, the last so: {why}");
    }
    let unhealthy = refuses_everything(&tried.outcome, tried.http_status).then(|| why.clone());
    // Whoever refuses everything refuses the others, too.
    let others = if unhealthy.is_some() { Others::GivenUp } else { Others::TriedAgain };
    let given_up = Failed {
        delivery_id: lease.delivery_id,
        receiver: &lease.receiver,
        notification: &lease.notification,
        others: if others == Others::GivenUp { lease.folded.len() } else { 0 },
        why: &why,
    };
    let signal = if next == Next::Failed { given_up.signal(tried.at).map(Outgoing::from) } else { None };
    let paused_until = pause_of_receiver(&tried.outcome).and_then(|pause| tried.at.saturating_add(pause).ok());
    Finish { next, others, paused_until, unhealthy, signal }
}
