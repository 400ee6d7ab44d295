//! What checks are asked with. Each client is made when it is first needed: a watch file without queues pays for none.

use std::sync::OnceLock;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;

/// The clients that measuring takes, apart from databases.
#[derive(Debug)]
pub(crate) struct Clients {
    sdk: SdkConfig,
    lambda: OnceLock<aws_sdk_lambda::Client>,
}

impl Clients {
    /// Clients of this account and region.
    pub(crate) fn new(sdk: &SdkConfig) -> Self {
        Self { sdk: sdk.clone(), lambda: OnceLock::new() }
    }

    /// Invokes functions. A check brings its own time limit: the usual one for a single try would cut a long query short
    /// and have it run again.
    pub(super) fn lambda(&self) -> &aws_sdk_lambda::Client {
        self.lambda.get_or_init(|| {
            let sdk = runtime::aws::for_service(&self.sdk, "LAMBDA");
            let mut timeouts = TimeoutConfig::builder();
            timeouts.set_connect_timeout(sdk.timeout_config().and_then(TimeoutConfig::connect_timeout));
            let sdk = sdk.into_builder().timeout_config(timeouts.build()).build();
            aws_sdk_lambda::Client::new(&sdk)
        })
    }
}
