//! The story of an invocation: an evaluation, an operation, or pings from the queue.

use std::time::Instant;

use lambda_runtime::LambdaEvent;
use runtime::{Deadline, Fault};
use serde_json::Value;

use crate::app::App;
use crate::payload::{Event, parse};
use crate::{evaluate, pings};

/// Handles one invocation.
///
/// # Errors
/// A fault, in the classes of `runtime::Kind`, where nobody would hear otherwise.
pub(crate) async fn handle(app: Result<&App, &Fault>, event: LambdaEvent<Value>) -> Result<Value, Fault> {
    let app = app.map_err(Fault::clone)?;
    let began = Instant::now();
    let deadline = Deadline::of(&event.context);
    match parse(event.payload)? {
        Event::Evaluate(when) => json(&evaluate::run(app, when, began, &deadline).await?),
        Event::Operation(operation, when) => json(&pings::operate(app, operation, when, began, &deadline).await?),
        Event::Messages(messages) => pings::take(app, &messages, began, &deadline).await,
    }
}

fn json(answer: &impl serde::Serialize) -> Result<Value, Fault> {
    serde_json::to_value(answer).map_err(|error| Fault::from(anyhow::Error::new(error)))
}
