//! The story of an invocation: a poll, or completion messages from the queue.

use std::time::Instant;

use lambda_runtime::LambdaEvent;
use runtime::{Deadline, Fault};
use serde_json::Value;

use crate::app::App;
use crate::payload::{Event, parse};
use crate::{completions, poll};

/// Handles one invocation.
///
/// # Errors
/// A fault, in the classes of `runtime::Kind`, where nobody would hear otherwise.
pub(crate) async fn handle(app: Result<&App, &Fault>, event: LambdaEvent<Value>) -> Result<Value, Fault> {
    let app = app.map_err(Fault::clone)?;
    let began = Instant::now();
    let deadline = Deadline::of(&event.context);
    match parse(event.payload)? {
        Event::Poll(asked) => {
            let answer = poll::run(app, asked, began, &deadline).await?;
            serde_json::to_value(answer).map_err(|error| Fault::from(anyhow::Error::new(error)))
        }
        Event::Completions(messages) => completions::take(app, &messages, began, &deadline).await,
    }
}
