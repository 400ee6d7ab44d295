//! `migrator`: brings the schema up to this release before any other function of it runs.

mod answer;
mod handler;
mod payload;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::init();
    let sdk = runtime::aws::sdk_config(config::MigratorConfig::FUNCTION, config::MigratorConfig::OPERATIONS);
    let ssm = aws_sdk_ssm::Client::new(&runtime::aws::for_service(&sdk, "SSM"));
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| handler::handle(&ssm, event))).await
}
