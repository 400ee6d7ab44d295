//! `healthcheck`: runs the watch file's checks, publishes what they measure and raises what crossed its threshold.

mod absent;
mod app;
mod ask;
mod conditions;
mod configured;
mod direct;
mod handler;
mod order;
mod payload;
mod record;
mod report;
mod subscribers;
mod tell;
mod toggles;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::init();
    let app = app::App::from_env().await;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| handler::handle(app.as_ref(), event))).await
}
