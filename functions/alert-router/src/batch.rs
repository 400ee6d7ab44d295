//! Messages from the queue: recorded and deleted, the harmless before the doubtful, so that one that kills its reader
//! takes no other along; or, while Postgres is gone, told and put away.
//!
//! Messages received for the first time are one transaction. Those received before follow one at a time, each noted as a
//! suspect by a commit of its own before it is read; those that were noted already, which were being read when a reader
//! died, come last. Receivers are told once all are on record: one that is slow must not use up the time of the store.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::pin::pin;
use std::time::Duration;

use domain::Signal;
use domain::gone::{Told, ids};
use runtime::{Deadline, Fault, Kind};
use store::suspects;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::app::{App, Clock, Session};
use crate::deliver::{WaitsFor, deliver_saying_so};
use crate::gone::{self, time_for_store};
use crate::look::ToTell;
use crate::payload::Received;
use crate::persist::{NotRecorded, persist};
use crate::record::{Past, Recorded, read};

/// Without this much time left for work no message is begun: that the store did not record it would say nothing of the
/// store.
const TIME_TO_RECORD: Duration = Duration::from_secs(2);

/// Which queue messages came from, and are deleted from once they are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The queue `alerts`.
    Alerts,
    /// The queue `alerts-held`.
    Held,
}

/// What became of a batch.
#[derive(Default)]
pub(crate) struct Handled {
    /// Messages that are neither on record nor held, by id with the reason; the queue gives them again.
    pub(crate) unrecorded: Vec<(String, String)>,
    /// How many are held until the record can take them.
    pub(crate) held: usize,
    /// How many are on record.
    pub(crate) recorded: usize,
    /// How many signals were decided which way.
    pub(crate) decisions: BTreeMap<String, usize>,
    /// Handles of messages that are on record or stay on their queue.
    dealt_with: BTreeSet<String>,
    /// Handles of messages that are on record, and on their queue still.
    to_delete: Vec<String>,
    /// Handles of messages at which the store fails, and why.
    failed: BTreeMap<String, Fault>,
    /// The store's clock, once it was read.
    clock: Option<Clock>,
    /// Who is to be told.
    to_tell: ToTell,
}

/// Records the messages, deletes them from the queue and tells who has to be told. While the store is not to be had, those
/// who must not wait are told, and the messages are put away.
pub(crate) async fn handle(app: &App, messages: &[Received], deadline: &Deadline) -> Handled {
    let mut session = app.session().await;
    let mut handled = Handled::default();
    let all: Vec<&Received> = messages.iter().collect();
    match handled.come_back_and_record(app, &mut session, &all, deadline).await {
        Ok(()) => handled.deliver(app, &mut session, &all, deadline).await,
        Err(fault) => {
            session.absence.notice();
            handled.delete_recorded(app, Origin::Alerts).await;
            let left = handled.left_of(&all);
            handled.hold(app, &mut session, &left, &fault, deadline).await;
        }
    }
    for (handle, fault) in std::mem::take(&mut handled.failed) {
        let one: Vec<&Received> = all.iter().copied().filter(|received| received.receipt_handle == handle).collect();
        handled.hold(app, &mut session, &one, &fault, deadline).await;
    }
    session.done();
    handled
}

/// Which of these messages were being read when a reader died.
///
/// # Errors
/// When the store is not to be had.
pub(crate) async fn list_noted(
    app: &App,
    session: &mut Session,
    messages: &[&Received],
    deadline: &Deadline,
) -> Result<BTreeSet<String>, Fault> {
    if messages.is_empty() {
        return Ok(BTreeSet::new());
    }
    let listing = async {
        // A statement of its own follows, without a second try: the connection has to be alive.
        session.fresh_clock(app, deadline).await?;
        let ids: Vec<&str> = messages.iter().map(|received| received.message.message_id.as_str()).collect();
        Ok(suspects::list_noted(&session.parts(app)?.0.client, &ids).await?)
    };
    within(time_for_store(deadline), listing).await
}

/// Work that is given up while there is time to tell people without the store.
async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let late =
        || Fault::new(Kind::Unavailable, format!("Postgres did not answer within the {} s it had", limit.as_secs()));
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(late()))
}

impl Handled {
    /// What was held goes first, if the store was gone and is back.
    async fn come_back_and_record(
        &mut self,
        app: &App,
        session: &mut Session,
        messages: &[&Received],
        deadline: &Deadline,
    ) -> Result<(), Fault> {
        if session.absence.is_noticed() {
            gone::come_back(app, session, deadline).await?;
        }
        self.record_all(app, session, messages, Origin::Alerts, deadline).await
    }

    /// Records messages. All but the last that were committed are deleted from their queue, too.
    ///
    /// # Errors
    /// When the store is not to be had. What was recorded until then is known.
    pub(crate) async fn record_all(
        &mut self,
        app: &App,
        session: &mut Session,
        messages: &[&Received],
        origin: Origin,
        deadline: &Deadline,
    ) -> Result<(), Fault> {
        let (again, first): (Vec<&Received>, Vec<&Received>) =
            messages.iter().partition(|received| received.is_suspect());
        if deadline.for_work() < TIME_TO_RECORD {
            self.postpone(app, messages, origin).await;
            return Ok(());
        }
        let together = self.record_together(app, session, &first, origin, deadline);
        within(time_for_store(deadline), together).await?;

        // Messages that nobody died of come first.
        let noted = list_noted(app, session, &again, deadline).await?;
        let mut suspects = again;
        suspects.sort_by_key(|received| noted.contains(&received.message.message_id));
        for (n, suspect) in suspects.iter().enumerate() {
            self.delete_recorded(app, origin).await;
            if deadline.for_work() < TIME_TO_RECORD {
                self.postpone(app, &suspects[n..], origin).await;
                return Ok(());
            }
            let alone = self.record_suspect(app, session, suspect, origin, deadline);
            within(time_for_store(deadline), alone).await?;
        }
        Ok(())
    }

    /// Messages that are not recorded and do not stay on their queue for a reason of their own.
    fn left_of<'a>(&self, messages: &[&'a Received]) -> Vec<&'a Received> {
        let left = |received: &&&Received| {
            let handle = &received.receipt_handle;
            !self.dealt_with.contains(handle) && !self.failed.contains_key(handle)
        };
        messages.iter().filter(left).copied().collect()
    }

    async fn hold(
        &mut self,
        app: &App,
        session: &mut Session,
        messages: &[&Received],
        why: &Fault,
        deadline: &Deadline,
    ) {
        let held = gone::hold(app, session, messages, why, deadline).await;
        self.held += held.held;
        self.unrecorded.extend(held.left);
    }

    /// Records messages in one transaction; if the store refuses one of them, or fails at it, each in its own.
    async fn record_together(
        &mut self,
        app: &App,
        session: &mut Session,
        messages: &[&Received],
        origin: Origin,
        deadline: &Deadline,
    ) -> Result<(), Fault> {
        let mut signals: Vec<Signal> = Vec::with_capacity(messages.len());
        let mut readable: Vec<(&Received, Range<usize>)> = Vec::with_capacity(messages.len());
        for received in messages {
            if let Some(read) = self.read(app, received, origin) {
                let first = signals.len();
                signals.extend(read);
                readable.push((received, first..signals.len()));
            }
        }
        if readable.is_empty() {
            return Ok(());
        }
        let told: Vec<Told> =
            readable.iter().flat_map(|(received, _)| received.told.iter().flatten().cloned()).collect();
        let past = Past { told: &told, came_before: false };
        match persist(app, session, &signals, past, deadline).await {
            Ok(recorded) => {
                self.count(recorded);
                let on_record: Vec<&Received> = readable.into_iter().map(|(received, _)| received).collect();
                self.settle(&on_record);
                return Ok(());
            }
            Err(NotRecorded::Gone(fault)) => return Err(fault),
            Err(NotRecorded::Refused(_) | NotRecorded::Failed(_)) => {}
        }
        for (received, of_it) in readable {
            self.record_alone(app, session, received, &signals[of_it], deadline).await?;
        }
        Ok(())
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
        let past = Past { told: received.told.as_deref().unwrap_or_default(), came_before: received.told.is_none() };
        match persist(app, session, signals, past, deadline).await {
            Ok(recorded) => {
                self.count(recorded);
                self.settle(&[received]);
                Ok(true)
            }
            Err(NotRecorded::Refused(why)) => {
                self.leave(received, &format!("the store refuses it: {why}"));
                Ok(false)
            }
            Err(NotRecorded::Failed(fault)) => {
                self.failed.insert(received.receipt_handle.clone(), fault);
                Ok(false)
            }
            Err(NotRecorded::Gone(fault)) => Err(fault),
        }
    }

    /// Notes a message that came before, then reads and records it.
    async fn record_suspect(
        &mut self,
        app: &App,
        session: &mut Session,
        received: &Received,
        origin: Origin,
        deadline: &Deadline,
    ) -> Result<(), Fault> {
        session.ready(app, deadline).await?;
        let id = &received.message.message_id;
        suspects::note(&session.parts(app)?.0.client, id).await?;
        let Some(signals) = self.read(app, received, origin) else { return Ok(()) };
        if self.record_alone(app, session, received, &signals, deadline).await? {
            suspects::clear(&session.parts(app)?.0.client, id).await?;
        }
        Ok(())
    }

    /// Deletes what is on record from its queue.
    pub(crate) async fn delete_recorded(&mut self, app: &App, origin: Origin) {
        let queue = match origin {
            Origin::Alerts => &app.queue,
            Origin::Held => &app.held,
        };
        let handles = std::mem::take(&mut self.to_delete);
        let handles: Vec<&str> = handles.iter().map(String::as_str).collect();
        for (n, error) in queue.delete(&handles).await {
            // Harmless: it comes again and is known by its key.
            tracing::warn!(message.handle = handles.get(n), error, "A recorded message could not be deleted");
        }
    }

    /// Tells who has to be told. While that lasts, what is on record is deleted from the queue; a batch that ends at once
    /// leaves that to its answer, by which Lambda deletes every message that is not named as a failure.
    async fn deliver(&mut self, app: &App, session: &mut Session, messages: &[&Received], deadline: &Deadline) {
        let all_new = messages.iter().all(|received| !received.is_suspect());
        if all_new && self.failed.is_empty() && self.is_looked_for(session) {
            return;
        }
        let clock = self.clock;
        let begun = Notify::new();
        let delivering = async {
            let Some(clock) = clock else { return Ok(()) };
            // A message at which the store failed may have cost the connection.
            session.ready(app, deadline).await?;
            let (connection, receivers) = session.parts(app)?;
            let (queue, critical) = (&app.queue, WaitsFor::Critical);
            let delivered = deliver_saying_so(connection, receivers, queue, clock, deadline, critical, &begun).await?;
            session.looked = delivered.looked;
            Ok::<(), Fault>(())
        };
        let delivered = {
            let mut delivering = pin!(delivering);
            tokio::select! {
                biased;
                delivered = &mut delivering => delivered,
                () = begun.notified() => tokio::join!(delivering, self.delete_recorded(app, Origin::Alerts)).0,
            }
        };
        if let Err(fault) = delivered {
            // The messages are on record, and the next retry tick sends what stands there.
            tracing::error!(error = fault.message, "Deliveries are left to the next retry tick");
            session.drop_connection();
        }
        if !self.failed.is_empty() {
            self.delete_recorded(app, Origin::Alerts).await;
        }
    }

    /// Whether the last look for what is due was enough for what this batch decided.
    fn is_looked_for(&self, session: &Session) -> bool {
        let (Some(clock), Some(looked)) = (&self.clock, &session.looked) else { return false };
        looked.is_enough(&self.to_tell, clock.now())
    }

    /// A held message has the ids under which people were told of it.
    fn read(&mut self, app: &App, received: &Received, origin: Origin) -> Option<Vec<Signal>> {
        let signals = match origin {
            Origin::Alerts => read(received, &app.policy, &mut Uuid::now_v7),
            Origin::Held => read(received, &app.policy, &mut ids(&received.message.message_id)),
        };
        signals.map_err(|why| self.leave(received, &why)).ok()
    }

    /// Leaves a message on the queue; after five receives the dead-letter queue takes it.
    fn leave(&mut self, received: &Received, why: &str) {
        let id = &received.message.message_id;
        tracing::error!(message.id = id, error = why, "A message could not be recorded");
        self.dealt_with.insert(received.receipt_handle.clone());
        self.unrecorded.push((id.clone(), why.to_owned()));
    }

    /// Begins no more of them: the time of this invocation is used up. They stay on their queue; what `alerts` will not give
    /// much longer waits where it is not counted how often.
    async fn postpone(&mut self, app: &App, messages: &[&Received], origin: Origin) {
        tracing::warn!(messages = messages.len(), "Time is short; messages that were not begun wait");
        self.dealt_with.extend(messages.iter().map(|received| received.receipt_handle.clone()));
        if origin == Origin::Alerts {
            let held = gone::spare(app, messages).await;
            self.held += held.held;
            self.unrecorded.extend(held.left);
        }
    }

    fn settle(&mut self, recorded: &[&Received]) {
        self.recorded += recorded.len();
        let handles: Vec<String> = recorded.iter().map(|received| received.receipt_handle.clone()).collect();
        self.dealt_with.extend(handles.iter().cloned());
        self.to_delete.extend(handles);
    }

    fn count(&mut self, recorded: Recorded) {
        self.clock = Some(recorded.clock);
        self.to_tell.add(recorded.to_tell);
        for decision in &recorded.decisions {
            *self.decisions.entry(decision.reason().unwrap_or(decision.as_str()).to_owned()).or_default() += 1;
        }
    }

    /// What is not on record, and why: of messages that were held before, and stay so.
    pub(crate) fn not_recorded(self) -> Vec<(String, String)> {
        let failed = self.failed.into_iter().map(|(handle, fault)| (handle, fault.message));
        self.unrecorded.into_iter().chain(failed).collect()
    }
}
