//! `explain`: the life of an alert in order, and why nobody was told where nobody was.

use runtime::Fault;
use serde_json::{Value, json};
use store::explain::{Life, read};

use super::{Desk, why};
use crate::payload::said::Said;

/// Of signals, deliveries and attempts, the last so many are answered.
const MOST: i64 = 500;

pub(super) async fn run(desk: &mut Desk<'_>, id: &Said) -> Result<(), Fault> {
    let id = id.as_str();
    let Some(life) = read(&desk.connection.client, id, MOST, desk.patience).await? else {
        let expected = "expected the id of an alert, or the id or idempotency key of a signal";
        return Err(Fault::bad_payload(format!("explain: nothing on record is called `{id}`: {expected}")));
    };
    let why_nobody = why::nobody(&life, &desk.switched_off, desk.now);
    let Life { alert_id, signal_id, events, alert, .. } = life;
    desk.summary.looked_at("events", events.len());
    if let Some(alert) = &alert {
        let shown = events.iter().filter(|event| event["what"] == "signal").count();
        if let Some(left) = usize::try_from(alert.signal_count).ok().filter(|all| *all > shown) {
            let reason = format!("it has {left} signals: the last {shown} are listed");
            desk.summary.skipped("signals", reason);
        }
    }
    desk.answer("alert_id", json!(alert_id));
    desk.answer("signal_id", json!(signal_id));
    desk.answer("life", Value::Array(events));
    desk.answer("why_nobody", json!(why_nobody));
    Ok(())
}
