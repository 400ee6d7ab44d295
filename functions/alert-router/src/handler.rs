//! The story of an invocation: messages are recorded and told, ticks catch up.

use lambda_runtime::LambdaEvent;
use runtime::{Deadline, Fault, Kind};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::app::App;
use crate::payload::{Event, parse};
use crate::{batch, operations, tick};

/// Handles one invocation, and says in time when it cannot finish.
///
/// # Errors
/// A fault, in the classes of `runtime::Kind`. A batch answers with one only when none of its messages is on record.
pub(crate) async fn handle(app: Result<&App, &Fault>, event: LambdaEvent<Box<RawValue>>) -> Result<Value, Fault> {
    let app = app.map_err(Fault::clone)?;
    let deadline = Deadline::of(&event.context);
    let event = parse(event.payload.get())?;
    tokio::time::timeout(deadline.for_recording(), run(app, event, &deadline)).await.unwrap_or_else(|_| {
        Err(Fault::new(Kind::Unavailable, "Postgres did not answer in time; what is not recorded comes again"))
    })
}

async fn run(app: &App, event: Event, deadline: &Deadline) -> Result<Value, Fault> {
    match event {
        Event::Messages(messages) => {
            let handled = batch::handle(app, &messages, deadline).await;
            tracing::info!(
                messages = messages.len(),
                held = handled.held,
                unrecorded = handled.unrecorded.len(),
                decisions = ?handled.decisions,
                "Handled a batch"
            );
            partial_failure(messages.len(), handled.unrecorded)
        }
        Event::Tick(tick) => {
            let summary = tick::run(app, &tick, deadline).await?;
            serde_json::to_value(summary).map_err(|error| Fault::from(anyhow::Error::new(error)))
        }
        Event::Operation(asked) => operations::run(app, &asked, deadline).await,
    }
}

/// Names the messages that the queue has to give again. When that is all of them the invocation fails, so that the
/// Errors metric moves.
fn partial_failure(messages: usize, unrecorded: Vec<(String, String)>) -> Result<Value, Fault> {
    if !unrecorded.is_empty() && unrecorded.len() == messages {
        let reasons: Vec<String> = unrecorded.into_iter().map(|(id, why)| format!("{id}: {why}")).collect();
        return Err(Fault::new(Kind::Failed, format!("no message could be recorded: {}", reasons.join("; "))));
    }
    let failures: Vec<Value> = unrecorded.iter().map(|(id, _)| json!({ "itemIdentifier": id })).collect();
    Ok(json!({ "batchItemFailures": failures }))
}
