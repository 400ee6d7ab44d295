//! How AWS is called: one configuration for every client, with time limits that fit into an invocation.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

/// A frozen sandbox wakes up to dead sockets: find out quickly and connect anew.
const CONNECT: Duration = Duration::from_secs(3);
/// One try. A publish or a delete takes milliseconds.
const ATTEMPT: Duration = Duration::from_secs(5);
/// All tries together, so that an AWS outage leaves time to report it.
const OPERATION: Duration = Duration::from_secs(12);

/// Region and credentials from the environment that Lambda gives; nothing is called yet.
pub async fn sdk_config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build();
    aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).load().await
}
