//! `archiver`: moves old rows to cold storage, proves that they are there, and only then deletes them; restores them, and
//! deletes for good what somebody has a right to have deleted.

mod announce;
mod app;
mod archive;
mod batch;
mod chunks;
mod cold;
mod handler;
mod hard_delete;
mod payload;
mod plan;
mod prune;
mod report;
mod restore;
mod seconds;
mod source;
mod verify;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::init();
    let app = app::App::from_env().await;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| handler::handle(app.as_ref(), event))).await
}
