//! `deadman`: decides every minute which expected signals have not come, and takes the pings of jobs that tell by
//! themselves.

mod app;
mod decide;
mod evaluate;
mod external;
mod gone;
mod handler;
mod notices;
mod payload;
mod pings;
mod record;
mod report;
mod signals;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::init();
    let app = app::App::from_env().await;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| handler::handle(app.as_ref(), event))).await
}
