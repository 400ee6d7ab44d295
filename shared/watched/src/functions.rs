//! What query functions are invoked with: a client that is made when it is first needed.

use std::sync::OnceLock;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_lambda::Client;

/// Invokes query functions; a watch file without any pays for no client.
#[derive(Debug)]
pub struct Functions {
    sdk: SdkConfig,
    client: OnceLock<Client>,
}

impl Functions {
    /// Functions of this account and region.
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { sdk: sdk.clone(), client: OnceLock::new() }
    }

    /// A question brings its own time limit: the usual one for a single try would cut a long query short and have it run
    /// again.
    pub(crate) fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let sdk = runtime::aws::for_service(&self.sdk, "LAMBDA");
            let mut timeouts = TimeoutConfig::builder();
            timeouts.set_connect_timeout(sdk.timeout_config().and_then(TimeoutConfig::connect_timeout));
            Client::new(&sdk.into_builder().timeout_config(timeouts.build()).build())
        })
    }
}
