//! `silence` and `unsilence`: nobody is told of some alerts for a while, and who said so.

use domain::silence::{Recurrence, Silence};
use runtime::Fault;
use serde_json::json;
use store::silences::{self, Ended, Made};
use uuid::Uuid;

use super::Desk;
use crate::payload::operation::{self, Unsilence};

pub(super) async fn make(desk: &mut Desk<'_>, asked: &operation::Silence) -> Result<(), Fault> {
    let refused = |why: String| Fault::bad_payload(format!("silence.{why}"));
    let (from, until) = (asked.from.unwrap_or(desk.now), asked.until);
    if until <= desk.now {
        return Err(refused(format!("until: {until} is past: expected a later instant")));
    }
    if until <= from {
        return Err(refused(format!("until: {until} is not later than `from`, {from}")));
    }
    let recurring = asked.recurring.clone().map(|written| {
        let recurrence = Recurrence::read(written)?;
        recurrence.expect_window(from, until).map(|()| recurrence)
    });
    let recurring = recurring.transpose().map_err(|bad| refused(format!("recurring.{bad}")))?;
    let silence = Silence {
        id: Uuid::now_v7(),
        matchers: asked.matchers.0.clone(),
        from,
        until,
        recurring,
        author: asked.author.as_str().to_owned(),
        reason: asked.reason.as_str().to_owned(),
    };
    let silence_id = match silences::insert(&desk.connection.client, &silence, asked.from.is_none(), desk.now).await? {
        Made::New(id) => {
            desk.summary.did("silences_made", 1);
            id
        }
        Made::Before(id) => {
            desk.summary.skipped(id.to_string(), "the same silence was made before and is not over");
            id
        }
    };
    desk.answer("silence", json!({"silence_id": silence_id, "from": from, "until": until}));
    Ok(())
}

pub(super) async fn end(desk: &mut Desk<'_>, asked: &Unsilence) -> Result<(), Fault> {
    let id = asked.silence_id;
    match silences::end(&desk.connection.client, id, asked.by.as_str(), desk.now).await? {
        // What it muted and still fires is told by the next tick.
        Ended::Won => desk.summary.did("silences_ended", 1),
        Ended::Before { at, by } => desk.summary.skipped(id.to_string(), format!("{by} ended it at {at}")),
        Ended::Over { since } => desk.summary.skipped(id.to_string(), format!("it is over since {since}")),
        Ended::Unknown => {
            return Err(Fault::bad_payload(format!("unsilence.silence_id: there is no silence {id}")));
        }
    }
    desk.answer("silence", json!({"silence_id": id}));
    Ok(())
}
