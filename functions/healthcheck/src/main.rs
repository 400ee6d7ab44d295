//! `healthcheck`: runs the watch file's checks and publishes what they measure.

mod app;
mod ask;
mod handler;
mod payload;
mod publish;
mod report;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::init();
    let app = app::App::from_env().await;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| handler::handle(app.as_ref(), event))).await
}
