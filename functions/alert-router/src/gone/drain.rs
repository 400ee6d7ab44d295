//! The record is back: what was held is recorded under its own ids, with who was told, and only then leaves its queue.

use std::time::Duration;

use runtime::{Deadline, Fault};

use crate::app::{App, Session};
use crate::batch::{Handled, Origin, list_noted};
use crate::gone::parcel;
use crate::payload::Received;

/// How many held messages are taken before any is recorded: in order, so that no end comes before its beginning.
const MOST: usize = 500;
/// How much they may hold together, in bytes; the largest message has 1 MiB.
const MOST_BYTES: usize = 16 << 20;
/// How many are recorded in one transaction.
const TOGETHER: usize = 100;
/// Nobody else gets a message before the invocation that took it is over.
const MARGIN: Duration = Duration::from_secs(5);

/// What came of draining.
#[derive(Debug, Default)]
pub(crate) struct Drained {
    /// How many messages are on record.
    pub(crate) recorded: usize,
    /// Which could not be recorded, and why; they stay held.
    pub(crate) failed: Vec<(String, String)>,
    /// Some are left for the next time.
    pub(crate) more: bool,
}

/// Records what is held until nothing is, or until less than `keep_back` is left of the invocation's working time.
///
/// Interrupted anywhere, it loses and doubles nothing: a message that was recorded and not deleted is known by its key. One
/// that was being read when a reader died comes after all others, and is read only at its 1st, 2nd, 4th, 8th … receive: this
/// queue has no dead letters, and one that kills every reader must not end every tick.
///
/// # Errors
/// The store's, when it is gone again; what was taken and not recorded comes again.
pub(crate) async fn drain(
    app: &App,
    session: &mut Session,
    deadline: &Deadline,
    keep_back: Duration,
) -> Result<Drained, Fault> {
    let mut drained = Drained::default();
    loop {
        let mut taken = take(app, deadline, keep_back).await;
        if let Some(error) = taken.error.take() {
            drained.failed.push(("alerts-held".to_owned(), error));
        }
        if taken.messages.is_empty() {
            return Ok(drained);
        }
        taken.messages.sort_by_key(|received| received.message.sent_at);
        let suspects: Vec<&Received> = taken.messages.iter().filter(|received| received.is_suspect()).collect();
        let noted = list_noted(app, session, &suspects, deadline).await?;
        let (noted, mut in_turn): (Vec<&Received>, Vec<&Received>) =
            taken.messages.iter().partition(|received| noted.contains(&received.message.message_id));
        let (noted, left_alone): (Vec<&Received>, Vec<&Received>) =
            noted.into_iter().partition(|received| received.receives.is_power_of_two());
        let why = "it was being read when a reader died; it stays held, and is tried again ever more rarely";
        drained.failed.extend(left_alone.iter().map(|received| (received.message.message_id.clone(), why.to_owned())));
        let known_failures = drained.failed.len();
        // What was being read when a reader died may kill the next one, too.
        in_turn.extend(noted);
        for chunk in chunks(&in_turn) {
            if deadline.for_work() < keep_back {
                drained.more = true;
                return Ok(drained);
            }
            let mut handled = Handled::default();
            let recorded = handled.record_all(app, session, chunk, Origin::Held, deadline).await;
            handled.delete_recorded(app, Origin::Held).await;
            recorded?;
            drained.recorded += handled.recorded;
            drained.failed.extend(handled.not_recorded());
        }
        if taken.is_all || drained.failed.len() > known_failures {
            return Ok(drained);
        }
    }
}

/// Messages in the portions in which they are recorded: a suspect goes alone.
fn chunks<'m, 'r>(messages: &'m [&'r Received]) -> impl Iterator<Item = &'m [&'r Received]> {
    let alike = messages.chunk_by(|one, other| !one.is_suspect() && !other.is_suspect());
    alike.flat_map(|alike| alike.chunks(TOGETHER))
}

/// Messages that are ours for the rest of the invocation.
struct Taken {
    messages: Vec<Received>,
    is_all: bool,
    error: Option<String>,
}

async fn take(app: &App, deadline: &Deadline, keep_back: Duration) -> Taken {
    let mut taken = Taken { messages: Vec::new(), is_all: false, error: None };
    let mut bytes = 0;
    while taken.messages.len() < MOST && bytes < MOST_BYTES && deadline.for_work() > keep_back {
        match app.held.take(deadline.left() + MARGIN).await {
            Ok(some) if some.is_empty() => {
                taken.is_all = true;
                break;
            }
            Ok(some) => {
                bytes += some.iter().map(|message| message.body.len()).sum::<usize>();
                taken.messages.extend(some.into_iter().map(parcel::unwrap));
            }
            Err(error) => {
                taken.error = Some(error);
                break;
            }
        }
    }
    taken
}
