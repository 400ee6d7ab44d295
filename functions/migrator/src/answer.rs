//! Answers CloudFormation, which otherwise waits an hour for nothing.

use std::time::Duration;

use anyhow::{Context, bail};
use runtime::{Deadline, Fault};
use serde_json::json;

use crate::payload::Deployment;

/// One identity for ever: a changed one would make CloudFormation delete what it believes is the old schema.
const PHYSICAL_RESOURCE_ID: &str = "watchkeeper-schema";
/// CloudFormation keeps at most 4,096 bytes of an answer; this leaves room for the rest of it.
const LONGEST_REASON: usize = 2_000;
/// How often the answer is tried: without it the deployment hangs.
const TRIES: u32 = 4;
/// One try.
const TRY: Duration = Duration::from_secs(2);
/// Between tries.
const PAUSE: Duration = Duration::from_millis(200);

/// Sends the outcome to the address that CloudFormation gave.
///
/// # Errors
/// When it could not be delivered; Lambda then invokes again.
pub(crate) async fn send(request: &Deployment, outcome: &Result<(), Fault>, deadline: &Deadline) -> anyhow::Result<()> {
    let (status, reason) = match outcome {
        Ok(()) => ("SUCCESS", String::new()),
        Err(fault) => ("FAILED", format!("{}: {}", fault.kind.as_str(), fault.message)),
    };
    let body = json!({
        "Status": status,
        "Reason": reason.chars().take(LONGEST_REASON).collect::<String>(),
        "PhysicalResourceId": PHYSICAL_RESOURCE_ID,
        "StackId": request.stack_id,
        "RequestId": request.request_id,
        "LogicalResourceId": request.logical_resource_id,
    })
    .to_string();
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::client_config(None)?)
        .timeout(TRY)
        .no_proxy()
        .build()
        .context("making an HTTP client")?;
    for attempt in 1..=TRIES {
        // No Content-Type: the address is presigned without one.
        let answer = client.put(&request.response_url).body(body.clone()).send().await;
        match answer.and_then(reqwest::Response::error_for_status) {
            Ok(_) => return Ok(()),
            // The address carries a signature: it is not shown.
            Err(error) if attempt == TRIES || deadline.left() < TRY => {
                bail!("failed to answer CloudFormation after {attempt} tries: {}", error.without_url())
            }
            Err(error) => {
                tracing::warn!(error = %error.without_url(), "CloudFormation did not take the answer; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    bail!("failed to answer CloudFormation")
}
