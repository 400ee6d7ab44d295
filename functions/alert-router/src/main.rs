//! `alert-router`: records every signal, decides what it means, and tells the right people once.

mod again;
mod alarms;
mod app;
mod batch;
mod deliver;
mod gone;
mod handler;
mod look;
mod metrics;
mod operations;
mod payload;
mod persist;
mod receivers;
mod record;
mod tick;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::init();
    let app = app::App::from_env().await;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Box<RawValue>>| handler::handle(app.as_ref(), event))).await
}
