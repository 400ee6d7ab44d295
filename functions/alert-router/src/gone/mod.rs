//! Postgres is gone: those who must not wait are told from the watch file alone, and every message is put away with a note
//! of who was told, until the record can take it.

mod absence;
mod drain;
mod parcel;
mod tell;

use std::time::{Duration, Instant};

use domain::Signal;
use domain::gone::{Told, ids};
use runtime::{Deadline, Fault, Kind, Summary};

use crate::app::{App, Session, wall_clock};
use crate::payload::{Received, Tick};
use crate::record::read;

pub(crate) use absence::Absence;
pub(crate) use drain::drain;
use tell::{Said, Teller};

/// Without this much time nothing more is begun: telling, and putting away, have to end before the invocation does.
const TIME_TO_HOLD: Duration = Duration::from_secs(1);

/// From this receive on a message is put away unread: the template's queue gives it five times, and the last time may be cut
/// short like the others.
const NEXT_TO_LAST: u32 = 4;
/// In how many portions messages go that were received before: a slow receiver is waited for once in each, and a message that
/// kills its reader takes along its portion and those that follow.
const PORTIONS: usize = 16;

/// What became of messages that could not be recorded.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// How many wait for the record.
    pub(crate) held: usize,
    /// Which stay on their queue, and why.
    pub(crate) left: Vec<(String, String)>,
}

/// Tells what must not wait, and puts the messages away.
///
/// What the queue will not give much longer is put away first, unread: whatever kills its reader or uses up the time, it is
/// safe. Messages received for the first time go together. Those received before, of which one may be killing its reader,
/// go in a few portions, in another order every time: each is put away and deleted before the next is read.
pub(crate) async fn hold(
    app: &App,
    session: &mut Session,
    messages: &[&Received],
    why: &Fault,
    deadline: &Deadline,
) -> Held {
    let mut held = Held::default();
    tracing::error!(error = %why.message, messages = messages.len(), "The record is out of reach; messages are held");
    session.drop_connection();
    session.renew(app).await;
    let (last, messages): (Vec<&Received>, Vec<&Received>) =
        messages.iter().partition(|received| received.receives >= NEXT_TO_LAST);
    held.put_away_unread(app, &last).await;
    let (mut again, first): (Vec<&Received>, Vec<&Received>) =
        messages.into_iter().partition(|received| received.is_suspect());
    held.put_away(app, session, &first, deadline).await;
    // SQS gives a message another handle each time.
    again.sort_by_key(|received| received.receipt_handle.bytes().rev().collect::<Vec<u8>>());
    for portion in again.chunks(again.len().div_ceil(PORTIONS).max(1)) {
        held.put_away(app, session, portion, deadline).await;
    }
    tell_of_unread(app, session, &last, deadline).await;
    held
}

/// Puts messages away that this invocation has no time to read, if the queue will not give them much longer; the others stay.
pub(crate) async fn spare(app: &App, messages: &[&Received]) -> Held {
    let (last, others): (Vec<&Received>, Vec<&Received>) =
        messages.iter().partition(|received| received.receives >= NEXT_TO_LAST);
    let mut held = Held::default();
    for received in others {
        held.leave(received, "time ran out before it was begun; it comes again".to_owned());
    }
    held.put_away_unread(app, &last).await;
    held
}

/// Tells of messages that are put away unread, one at a time and only now: whatever happens, none of them is lost. There is
/// no note of it, so the record tells once more what must not wait.
async fn tell_of_unread(app: &App, session: &mut Session, messages: &[&Received], deadline: &Deadline) {
    for received in messages.iter().take_while(|_| !is_late(deadline)) {
        match read(received, &app.policy, &mut ids(&received.message.message_id)) {
            Ok(signals) => {
                let teller = Teller { app, switched_off: session.switched_off(app), now: wall_clock(), deadline };
                if let Some(Said::ToNobody(why)) =
                    teller.tell(&mut session.absence.memory, &[(received, signals)]).await.pop()
                {
                    tracing::error!(
                        message.id = received.message.message_id,
                        error = why,
                        "The record has to tell of it"
                    );
                }
            }
            Err(why) => {
                let id = &received.message.message_id;
                tracing::error!(message.id = id, error = why, "A message that is held could not be read");
            }
        }
    }
}

impl Held {
    async fn put_away(&mut self, app: &App, session: &mut Session, messages: &[&Received], deadline: &Deadline) {
        let mut readable: Vec<(&Received, Vec<Signal>)> = Vec::new();
        for received in messages {
            match read(received, &app.policy, &mut ids(&received.message.message_id)) {
                Ok(signals) => readable.push((received, signals)),
                Err(why) => self.leave(received, why),
            }
        }
        if readable.is_empty() {
            return;
        }
        let teller = Teller { app, switched_off: session.switched_off(app), now: wall_clock(), deadline };
        let said = teller.tell(&mut session.absence.memory, &readable).await;
        let mut to_hold: Vec<(&Received, Option<Vec<Told>>)> = Vec::new();
        for ((received, _), said) in readable.into_iter().zip(said) {
            match said {
                Said::NoTime => self.leave(received, "time ran out before anybody could be told".to_owned()),
                // It comes again, and may then find somebody; when the queue will not give it much longer, it waits for the
                // record as everything else.
                Said::ToNobody(why) if !received.is_suspect() => self.leave(received, why),
                Said::ToNobody(_) => to_hold.push((received, Some(Vec::new()))),
                Said::To(told) => to_hold.push((received, Some(told))),
            }
        }
        self.move_away(app, &to_hold).await;
    }

    /// Puts messages away without a look at them, and without a note: somebody may have told of them before.
    async fn put_away_unread(&mut self, app: &App, messages: &[&Received]) {
        if messages.is_empty() {
            return;
        }
        tracing::warn!(messages = messages.len(), "Messages that do not come much longer are put away unread");
        let unread: Vec<(&Received, Option<Vec<Told>>)> = messages.iter().map(|received| (*received, None)).collect();
        self.move_away(app, &unread).await;
    }

    /// Moves messages to the queue where they wait; what that queue took is deleted from the other.
    async fn move_away(&mut self, app: &App, messages: &[(&Received, Option<Vec<Told>>)]) {
        let parcels: Vec<_> =
            messages.iter().map(|(received, told)| parcel::wrap(&received.message, told.as_deref())).collect();
        let failed = app.held.send_parcels(&parcels).await;
        failpoint::pass("held, not deleted");
        let mut moved = Vec::new();
        for (n, (received, _)) in messages.iter().enumerate() {
            match failed.iter().find(|(index, _)| *index == n) {
                Some((_, why)) => self.leave(received, format!("it could not be put away: {why}")),
                None => moved.push(received.receipt_handle.as_str()),
            }
        }
        self.held += moved.len();
        for (n, error) in app.queue.delete(&moved).await {
            // Not among the failures of the batch: Lambda deletes it as well. If neither does, it comes again.
            tracing::warn!(message.handle = moved.get(n), error, "A message that is held could not be deleted");
        }
    }

    fn leave(&mut self, received: &Received, why: String) {
        let id = &received.message.message_id;
        tracing::error!(message.id = id, error = why, "A message stays on its queue");
        self.left.push((id.clone(), why));
    }
}

/// Finds out whether the store is back, and if it is, records what is held before anything newer.
///
/// # Errors
/// When it is not.
pub(crate) async fn come_back(app: &App, session: &mut Session, deadline: &Deadline) -> Result<(), Fault> {
    let asking = session.fresh_clock(app, deadline);
    let gone = |_| Fault::new(Kind::Unavailable, "Postgres still does not answer");
    tokio::time::timeout(time_for_store(deadline), asking).await.map_err(gone)??;
    // The batch at hand needs the other half.
    let drained = drain(app, session, deadline, deadline.for_work() / 2).await?;
    tracing::warn!(recorded = drained.recorded, failed = ?drained.failed, more = drained.more, "Postgres is back");
    session.absence.end();
    Ok(())
}

/// What a tick answers while the store is gone: nothing was done, and that is no failure of the run. What cannot be reached
/// is an alert of healthcheck's own, and an alarm on the queue of what is held speaks to people directly; a failed tick
/// would be mailed every minute.
pub(crate) fn tick(app: &App, session: &mut Session, why: &Fault, tick: &Tick, started: Instant) -> Summary {
    session.absence.notice();
    session.drop_connection();
    session.done();
    tracing::error!(error = %why.message, "The record is out of reach; the next tick makes up for this one");
    let now = tick.now.unwrap_or_else(wall_clock);
    let mut summary = Summary::new("alert-router", app.config.environment.as_str(), now, tick.dry_run);
    summary.failed("postgres", &why.message);
    summary.skipped("everything", "the record is out of reach; the next tick makes up for this one");
    summary.finished(started.elapsed())
}

/// Records what is held, as part of a tick: half of its time at most.
///
/// # Errors
/// The store's, when it is gone again.
pub(crate) async fn drain_in_tick(
    app: &App,
    session: &mut Session,
    deadline: &Deadline,
    summary: &mut Summary,
) -> Result<(), Fault> {
    let drained = drain(app, session, deadline, deadline.for_work() / 2).await?;
    session.absence.end();
    summary.did("held_recorded", drained.recorded);
    for (message, why) in drained.failed {
        summary.failed(message, why);
    }
    if drained.more {
        summary.remaining.push("alerts-held".to_owned());
    }
    // A message that could not be recorded may have cost the connection.
    session.ready(app, deadline).await.map(drop)
}

/// How long the store may take in what is left of an invocation, so that people can be told if it never answers.
pub(crate) fn time_for_store(deadline: &Deadline) -> Duration {
    /// Telling takes a few seconds where a receiver has to be tried again.
    const TO_TELL: Duration = Duration::from_secs(15);
    let left = deadline.left();
    left.saturating_sub(TO_TELL.min(left / 2))
}

/// Whether there is time to begin anything more.
fn is_late(deadline: &Deadline) -> bool {
    deadline.for_recording() < TIME_TO_HOLD
}
