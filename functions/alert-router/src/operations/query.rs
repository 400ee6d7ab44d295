//! `query`: alerts as people ask for them, the newest first, a page at a time.

use runtime::Fault;
use serde_json::{Value, json};
use store::query::{Query, list};

use super::Desk;
use crate::payload::operation::{self, Cursor};

pub(super) async fn run(desk: &mut Desk<'_>, asked: &operation::Query) -> Result<(), Fault> {
    let query = Query {
        severity: asked.severity.0.clone(),
        since: asked.since,
        worker_id: asked.worker_id.as_ref().map(|worker| worker.as_str().to_owned()),
        unacknowledged: asked.unacknowledged,
        after: asked.cursor.map(|cursor| cursor.0),
    };
    // One more than asked tells whether there is another page.
    let mut found = list(&desk.connection.client, &query, asked.limit.0 + 1, desk.now).await?;
    let limit = usize::try_from(asked.limit.0).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(id, _)| Cursor(*id).as_text());
    desk.summary.looked_at("alerts", found.len());
    desk.answer("alerts", found.into_iter().map(|(_, alert)| alert).collect::<Vec<Value>>().into());
    desk.answer("next", json!(next));
    Ok(())
}
