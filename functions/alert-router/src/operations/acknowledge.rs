//! `acknowledge`: somebody looks after an alert, for a while. Nobody is reminded of it or escalated to meanwhile.

use jiff::SignedDuration;
use runtime::Fault;
use serde_json::json;
use store::acknowledgements::{Acknowledged, Acknowledgement, acknowledge};

use super::Desk;
use crate::payload::operation::Acknowledge;
use crate::payload::said::Said;

/// How long an acknowledgement holds where nothing is said: one that never ends is forgotten, and swallows what comes after.
const LASTS: SignedDuration = SignedDuration::from_hours(24);
/// No acknowledgement holds longer.
const LONGEST: SignedDuration = SignedDuration::from_hours(30 * 24);

pub(super) async fn run(desk: &mut Desk<'_>, asked: &Acknowledge) -> Result<(), Fault> {
    let until = match asked.until {
        None => desk.now.saturating_add(LASTS).unwrap_or(desk.now),
        Some(until) if until <= desk.now => {
            return Err(Fault::bad_payload(format!("acknowledge.until: {until} is past: expected a later instant")));
        }
        Some(until) if until.duration_since(desk.now) > LONGEST => {
            let expected = "expected at most 30 days from now; a silence may last longer";
            return Err(Fault::bad_payload(format!("acknowledge.until: {until} is too far: {expected}")));
        }
        Some(until) => until,
    };
    let alert_id = asked.alert_id;
    let acknowledgement = Acknowledgement {
        alert_id,
        by: asked.by.as_str(),
        until,
        until_asked: asked.until.is_some(),
        note: asked.note.as_ref().map(Said::as_str),
    };
    let refused = |why: String| Err(Fault::bad_payload(format!("acknowledge.alert_id: {why}")));
    match acknowledge(&desk.connection.client, &acknowledgement, desk.now).await? {
        Acknowledged::Won => {
            desk.summary.did("alerts_acknowledged", 1);
            let (by, at) = (asked.by.as_str(), desk.now);
            desk.answer("acknowledged", json!({"alert_id": alert_id, "by": by, "at": at, "until": until}));
            Ok(())
        }
        Acknowledged::Before(taken) => {
            let until = taken.until.map(|until| format!(" until {until}")).unwrap_or_default();
            desk.summary.skipped(alert_id.to_string(), format!("{} acknowledged it at {}{until}", taken.by, taken.at));
            let taken = json!({"alert_id": alert_id, "by": taken.by, "at": taken.at, "until": taken.until});
            desk.answer("acknowledged", taken);
            Ok(())
        }
        Acknowledged::Resolved { at } => {
            refused(format!("alert {alert_id} is over since {at}: only an open one can be"))
        }
        Acknowledged::Unknown => refused(format!("there is no alert {alert_id}; {{\"query\": {{}}}} lists them")),
    }
}
