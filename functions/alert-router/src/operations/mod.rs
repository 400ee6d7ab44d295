//! Operations: what people and programs ask of the record by a payload. Each says in its own file what; here is what they
//! share: the clock, patience, the summary, the ledger.

mod acknowledge;
mod explain;
mod quarantined;
mod query;
mod release;
mod replay;
mod silence;
mod why;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use domain::Timestamp;
use runtime::ledger::Begun;
use runtime::{Deadline, Fault, Kind, Summary};
use serde_json::{Map, Value, json};
use store::Connection;

use crate::app::{App, patience};
use crate::payload::operation::{Operation, Requested};
use crate::tick::write_down;

/// An operation under way.
struct Desk<'a> {
    connection: &'a Connection,
    /// Receivers that a switch has turned off.
    switched_off: BTreeSet<String>,
    /// The store's clock.
    now: Timestamp,
    /// How long one exchange with the store may take.
    patience: Duration,
    summary: &'a mut Summary,
    /// What is answered beside the summary.
    results: Map<String, Value>,
}

impl Desk<'_> {
    /// Answers something beside the summary.
    fn answer(&mut self, name: &str, value: Value) {
        self.results.insert(name.to_owned(), value);
    }
}

/// Does what is asked.
///
/// # Errors
/// `BadPayload` that names the field, also of an id that nothing has; else when the store is not to be had.
pub(crate) async fn run(app: &App, asked: &Requested, deadline: &Deadline) -> Result<Value, Fault> {
    if let Operation::Quarantined(workers) = &asked.operation {
        return quarantined::run(app, workers, asked.environment.as_deref(), deadline).await;
    }
    let started = Instant::now();
    let mut session = app.session().await;
    let now = session.fresh_clock(app, deadline).await?;
    let mut summary = Summary::new("alert-router", app.config.environment.as_str(), now, false);
    let patience = patience(deadline);
    let switched_off = session.switched_off(app);
    let (connection, _) = session.parts(app)?;
    let mut desk = Desk { connection, switched_off, now, patience, summary: &mut summary, results: Map::new() };
    let done = tokio::time::timeout(deadline.for_work(), perform(&mut desk, app, &asked.operation, deadline)).await;
    let done = done.unwrap_or_else(|_| {
        Err(Fault::new(Kind::Unavailable, "Postgres did not answer in time; ask again: whatever was done is done once"))
    });
    let results = std::mem::take(&mut desk.results);
    let summary = summary.finished(started.elapsed());
    match done {
        Ok(Changes::Something) => {
            let run = Begun {
                run_id: summary.run_id,
                function: "alert-router",
                task: None,
                scheduled_at: asked.scheduled_at,
                started_at: now,
            };
            write_down(app, &mut session, &run, &summary, started, deadline).await;
        }
        Ok(Changes::Nothing) => {}
        // Nothing was begun that the connection could still hold.
        Err(fault) if fault.kind == Kind::BadPayload => {
            session.done();
            return Err(fault);
        }
        Err(fault) => return Err(fault),
    }
    session.done();
    answered(&summary, results)
}

/// Whether an operation may change something: such a run has a row in the ledger.
enum Changes {
    Something,
    Nothing,
}

async fn perform(desk: &mut Desk<'_>, app: &App, operation: &Operation, deadline: &Deadline) -> Result<Changes, Fault> {
    match operation {
        Operation::Acknowledge(asked) => acknowledge::run(desk, asked).await?,
        Operation::Silence(asked) => silence::make(desk, asked).await?,
        Operation::Unsilence(asked) => silence::end(desk, asked).await?,
        Operation::Release(asked) => release::run(desk, asked).await?,
        Operation::Explain(id) => {
            explain::run(desk, id).await?;
            return Ok(Changes::Nothing);
        }
        Operation::Query(asked) => {
            query::run(desk, asked).await?;
            return Ok(Changes::Nothing);
        }
        Operation::Replay(asked) => {
            replay::run(desk, app, asked, deadline).await?;
            return Ok(Changes::Nothing);
        }
        Operation::Quarantined(_) => return Ok(Changes::Nothing),
    }
    Ok(Changes::Something)
}

/// The summary and the results as one object.
fn answered(summary: &Summary, results: Map<String, Value>) -> Result<Value, Fault> {
    let mut answer = json!(summary);
    if let Some(fields) = answer.as_object_mut() {
        fields.extend(results);
    }
    Ok(answer)
}
