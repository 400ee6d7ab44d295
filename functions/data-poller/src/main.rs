//! `data-poller`: makes sure that each cycle that upstream publishes is noticed, complete, processed once and announced, or
//! that its absence is known by name.

mod announce;
mod app;
mod completions;
mod follow;
mod handler;
mod lateness;
mod moves;
mod payload;
mod poll;
mod report;
mod starting;
mod tried;
mod upstream;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::init();
    let app = app::App::from_env().await;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| handler::handle(app.as_ref(), event))).await
}
