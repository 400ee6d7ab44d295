//! Messages from the queue: recorded and deleted, the harmless before the doubtful, so that one that kills its reader
//! takes no other along.
//!
//! Messages received for the first time are one transaction. Those received before follow one at a time, each noted as a
//! suspect by a commit of its own before it is read; those that were noted already, which were being read when a reader
//! died, come last.

use std::collections::BTreeMap;

use domain::Signal;
use runtime::{Deadline, Fault};
use store::{Class, suspects};

use crate::app::{App, Clock, Session, patience};
use crate::deliver::{WaitsFor, deliver};
use crate::payload::Received;
use crate::record::{Recorded, read, record};

/// What became of a batch.
#[derive(Default)]
pub(crate) struct Handled {
    /// Messages that are not on record, by id with the reason; the queue gives them again.
    pub(crate) unrecorded: Vec<(String, String)>,
    /// How many signals were decided which way.
    pub(crate) decisions: BTreeMap<String, usize>,
    /// The store's clock, once it was read.
    clock: Option<Clock>,
}

/// Records the messages, deletes them from the queue and tells who has to be told.
///
/// # Errors
/// When the store is not to be had; nothing is then known to be recorded, and the queue gives every message again.
pub(crate) async fn handle(app: &App, messages: &[Received], deadline: &Deadline) -> Result<Handled, Fault> {
    let mut session = app.session().await;
    let mut handled = Handled::default();
    let (first, again): (Vec<&Received>, Vec<&Received>) = messages.iter().partition(|received| received.first_time);

    let recorded = handled.record_together(app, &mut session, &first, deadline).await?;
    handled.delete_and_deliver(app, &mut session, &recorded, deadline).await?;

    for suspect in last_noted_last(app, &mut session, again, deadline).await? {
        let recorded = handled.record_suspect(app, &mut session, suspect, deadline).await?;
        handled.delete_and_deliver(app, &mut session, &recorded, deadline).await?;
    }
    session.done();
    Ok(handled)
}

/// Messages that nobody died of first.
async fn last_noted_last<'a>(
    app: &App,
    session: &mut Session,
    mut messages: Vec<&'a Received>,
    deadline: &Deadline,
) -> Result<Vec<&'a Received>, Fault> {
    if messages.is_empty() {
        return Ok(messages);
    }
    // A statement of its own follows, without a second try: the connection has to be alive.
    session.fresh_clock(app, deadline).await?;
    let ids: Vec<&str> = messages.iter().map(|received| received.message.message_id.as_str()).collect();
    let noted = suspects::list_noted(&session.parts(app)?.0.client, &ids).await?;
    messages.sort_by_key(|received| noted.contains(&received.message.message_id));
    Ok(messages)
}

impl Handled {
    /// Records messages in one transaction; if the store refuses one of them, each in its own. Answers those that are
    /// on record.
    async fn record_together<'a>(
        &mut self,
        app: &App,
        session: &mut Session,
        messages: &[&'a Received],
        deadline: &Deadline,
    ) -> Result<Vec<&'a Received>, Fault> {
        let readable: Vec<(&Received, Vec<Signal>)> =
            messages.iter().filter_map(|received| Some((*received, self.read(app, received)?))).collect();
        if readable.is_empty() {
            return Ok(Vec::new());
        }
        let signals: Vec<Signal> = readable.iter().flat_map(|(_, signals)| signals.clone()).collect();
        match store_signals(app, session, &signals, deadline).await {
            Ok(recorded) => {
                self.count(&recorded);
                return Ok(readable.into_iter().map(|(received, _)| received).collect());
            }
            Err(NotRecorded::Fault(fault)) => return Err(fault),
            Err(NotRecorded::Refused(_)) => {}
        }
        let mut on_record = Vec::new();
        for (received, signals) in readable {
            if self.record_alone(app, session, received, &signals, deadline).await? {
                on_record.push(received);
            }
        }
        Ok(on_record)
    }

    /// Records one message in a transaction of its own; whether the store took it.
    async fn record_alone(
        &mut self,
        app: &App,
        session: &mut Session,
        received: &Received,
        signals: &[Signal],
        deadline: &Deadline,
    ) -> Result<bool, Fault> {
        match store_signals(app, session, signals, deadline).await {
            Ok(recorded) => {
                self.count(&recorded);
                Ok(true)
            }
            Err(NotRecorded::Refused(why)) => {
                self.leave(received, &format!("the store refuses it: {why}"));
                Ok(false)
            }
            Err(NotRecorded::Fault(fault)) => Err(fault),
        }
    }

    /// Notes a message that came before, then reads and records it.
    async fn record_suspect<'a>(
        &mut self,
        app: &App,
        session: &mut Session,
        received: &'a Received,
        deadline: &Deadline,
    ) -> Result<Vec<&'a Received>, Fault> {
        session.ready(app, deadline).await?;
        let id = &received.message.message_id;
        suspects::note(&session.parts(app)?.0.client, id).await?;
        let Some(signals) = self.read(app, received) else { return Ok(Vec::new()) };
        if !self.record_alone(app, session, received, &signals, deadline).await? {
            return Ok(Vec::new());
        }
        suspects::clear(&session.parts(app)?.0.client, id).await?;
        Ok(vec![received])
    }

    /// Deletes what is on record from the queue, and meanwhile tells who has to be told.
    async fn delete_and_deliver(
        &mut self,
        app: &App,
        session: &mut Session,
        recorded: &[&Received],
        deadline: &Deadline,
    ) -> Result<(), Fault> {
        let Some(clock) = self.clock.filter(|_| !recorded.is_empty()) else { return Ok(()) };
        let handles: Vec<&str> = recorded.iter().map(|received| received.receipt_handle.as_str()).collect();
        let (connection, receivers) = session.parts(app)?;
        let delivering = deliver(connection, receivers, &app.queue, clock, deadline, WaitsFor::Critical);
        let (delivered, undeleted) = tokio::join!(delivering, app.queue.delete(&handles));
        for (n, error) in undeleted {
            // Harmless: it comes again and is known by its key.
            tracing::warn!(message.id = handles.get(n), error, "A recorded message could not be deleted");
        }
        if let Err(error) = delivered {
            // The messages are on record, and the next retry tick sends what stands there.
            let error = format!("{:#}", anyhow::Error::new(error));
            tracing::error!(error, "Deliveries are left to the next retry tick");
            session.drop_connection();
        }
        Ok(())
    }

    fn read(&mut self, app: &App, received: &Received) -> Option<Vec<Signal>> {
        read(received, &app.policy).map_err(|why| self.leave(received, &why)).ok()
    }

    /// Leaves a message on the queue; after five receives the dead-letter queue takes it.
    fn leave(&mut self, received: &Received, why: &str) {
        let id = &received.message.message_id;
        tracing::error!(message.id = id, error = why, "A message could not be recorded");
        self.unrecorded.push((id.clone(), why.to_owned()));
    }

    fn count(&mut self, recorded: &Recorded) {
        self.clock = Some(recorded.clock);
        for decision in &recorded.decisions {
            *self.decisions.entry(decision.reason().unwrap_or(decision.as_str()).to_owned()).or_default() += 1;
        }
    }
}

/// Why signals are not on record.
enum NotRecorded {
    /// The store will never take them as they are.
    Refused(String),
    /// The store is not to be had.
    Fault(Fault),
}

impl From<Fault> for NotRecorded {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Records signals; over a connection that was there before and turns out dead, a second time over a new one.
async fn store_signals(
    app: &App,
    session: &mut Session,
    signals: &[Signal],
    deadline: &Deadline,
) -> Result<Recorded, NotRecorded> {
    let mut reused = session.ready(app, deadline).await?;
    loop {
        let error = match record(session.parts(app)?.0, signals, &session.rules(app), patience(deadline)).await {
            Ok(recorded) => return Ok(recorded),
            Err(error) => error,
        };
        // It may hold an open transaction.
        session.drop_connection();
        match error.class() {
            Class::Refused => return Err(NotRecorded::Refused(Fault::from(error).message)),
            Class::Unavailable | Class::Outdated if reused => match session.ready(app, deadline).await {
                Ok(there_before) => reused = there_before,
                // The first failure says more than that there is no time or no way to try again.
                Err(_) => return Err(NotRecorded::Fault(error.into())),
            },
            _ => return Err(NotRecorded::Fault(error.into())),
        }
    }
}
