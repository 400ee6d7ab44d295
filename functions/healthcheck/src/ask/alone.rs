//! Runs the checks that need no turn: those of queues and endpoints, many at once.

use std::time::Duration;

use config::Secrets;
use config::watch_file::{Check, DEFAULT_TIMEOUT, FAILING, HttpAsk, LONGEST_TIMEOUT, Queue};
use futures::StreamExt;
use futures::stream;
use jiff::Timestamp;
use runtime::Deadline;
use watched::Failure;

use super::reading::read;
use super::{Checked, Clients, Outcome, http, late_or_failed, left, queue};

/// How many at once: enough for a watch file full of them, without a burst that AWS throttles.
const AT_ONCE: usize = 16;

/// A check and what it asks.
pub(super) struct Alone<'w> {
    pub(super) place: usize,
    pub(super) check: &'w Check,
    pub(super) ask: Asks<'w>,
}

pub(super) enum Asks<'w> {
    Queue(&'w Queue),
    Endpoint(&'w HttpAsk),
}

/// Runs checks; each outcome with the check's place among all.
pub(super) async fn run<'w>(
    checks: Vec<Alone<'w>>,
    clients: &Clients,
    secrets: &Secrets,
    clock: Timestamp,
    deadline: &Deadline,
) -> Vec<(usize, Checked<'w>)> {
    let running = checks.into_iter().map(|Alone { place, check, ask }| async move {
        let left = left(deadline).min(LONGEST_TIMEOUT.unsigned_abs());
        let own = check.timeout.unwrap_or(DEFAULT_TIMEOUT).unsigned_abs();
        let outcome = match ask {
            _ if left.is_zero() => Outcome::Remaining,
            Asks::Queue(queue) => match queue::ask(clients, check, queue, clock, own.min(left)).await {
                Ok(rows) => read(check, &rows).map_or_else(Outcome::Failed, Outcome::Read),
                Err(failure) => late_or_failed(failure, own, left),
            },
            Asks::Endpoint(ask) => {
                let own = ask.within.map_or(own, |within| own.max(within.unsigned_abs()));
                call(check, ask, clients, secrets, own, left).await.unwrap_or_else(Outcome::Failed)
            }
        };
        (place, Checked { check, outcome })
    });
    stream::iter(running).buffer_unordered(AT_ONCE).collect().await
}

async fn call<'w>(
    check: &'w Check,
    ask: &HttpAsk,
    clients: &Clients,
    secrets: &Secrets,
    own: Duration,
    left: Duration,
) -> Result<Outcome<'w>, Failure> {
    let url = secrets.address(&ask.url)?;
    let answer = http::ask(clients.web()?, ask, &url, own.min(left)).await?;
    if answer.timed_out && left < own / 2 {
        return Ok(Outcome::Remaining);
    }
    let mut readings = read(check, &answer.rows)?;
    for reading in readings.iter_mut().filter(|reading| reading.metric.column == FAILING) {
        reading.note.clone_from(&answer.note);
    }
    Ok(Outcome::Read(readings))
}
