//! How AWS is called: one configuration for every client, with time limits that fit into an invocation.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::SharedCredentialsProvider;

/// A frozen sandbox wakes up to dead sockets: find out quickly and connect anew.
const CONNECT: Duration = Duration::from_secs(3);
/// One try. A publish or a delete takes milliseconds.
const ATTEMPT: Duration = Duration::from_secs(5);
/// All tries together, so that an AWS outage leaves time to report it.
const OPERATION: Duration = Duration::from_secs(12);

/// Region, credentials and endpoint from the variables that Lambda, or the local cloud, sets. The SDK's usual chain of
/// profiles, token exchanges and metadata services is left out: nothing in it applies on Lambda, and it is a third of a
/// megabyte of every package.
///
/// `function` calls nothing but `operations`, as IAM names them: debug builds refuse anything else.
#[cfg_attr(not(debug_assertions), expect(unused_variables, reason = "only debug builds look at what is called"))]
#[expect(clippy::disallowed_methods, reason = "these are the SDK's variables, not settings of ours")]
pub fn sdk_config(function: &'static str, operations: &'static [&'static str]) -> SdkConfig {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build();
    let credentials = EnvironmentVariableCredentialsProvider::new();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(variable("AWS_REGION").map(Region::new))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .timeout_config(timeouts);
    config.set_endpoint_url(variable("AWS_ENDPOINT_URL"));
    #[cfg(debug_assertions)]
    config.set_identity_cache(Some(crate::operations::observed(function, operations)));
    config.build()
}

/// The same for one service, whose own `AWS_ENDPOINT_URL_<SERVICE>` comes first, as in every AWS SDK.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
#[expect(clippy::disallowed_methods, reason = "these are the SDK's variables, not settings of ours")]
pub fn for_service(sdk: &SdkConfig, service: &str) -> SdkConfig {
    match std::env::var(format!("AWS_ENDPOINT_URL_{service}")) {
        Ok(endpoint) if !endpoint.is_empty() => sdk.clone().into_builder().endpoint_url(endpoint).build(),
        _ => sdk.clone(),
    }
}
