//! What checks are asked with. Each client is made when it is first needed: a watch file without queues pays for none.

use std::sync::OnceLock;

use aws_config::{Region, SdkConfig};
use config::Environment;
use watched::{Failure, FailureKind, Functions};

use super::http::{Reach, Web};

/// The clients that measuring takes, apart from those of databases.
#[derive(Debug)]
pub(crate) struct Clients {
    sdk: SdkConfig,
    reach: Reach,
    pub(super) functions: Functions,
    sqs: OnceLock<aws_sdk_sqs::Client>,
    web: OnceLock<Web>,
}

impl Clients {
    /// Clients of this account and region.
    pub(crate) fn new(sdk: &SdkConfig, environment: &Environment) -> Self {
        let reach = if environment.is_local() { Reach::PublicAndLoopback } else { Reach::Public };
        let (sdk, functions) = (sdk.clone(), Functions::new(sdk));
        Self { sdk, reach, functions, sqs: OnceLock::new(), web: OnceLock::new() }
    }

    /// Looks at queues of a region, else of ours.
    pub(super) fn sqs(&self, region: Option<&str>) -> aws_sdk_sqs::Client {
        let client = |sdk: &SdkConfig| aws_sdk_sqs::Client::new(&runtime::aws::for_service(sdk, "SQS"));
        match region {
            Some(region) => client(&self.of_region(region)),
            None => self.sqs.get_or_init(|| client(&self.sdk)).clone(),
        }
    }

    /// Reads metrics of a region, else of ours.
    pub(super) fn cloudwatch(&self, region: Option<&str>) -> aws_sdk_cloudwatch::Client {
        let sdk = region.map_or_else(|| self.sdk.clone(), |region| self.of_region(region));
        aws_sdk_cloudwatch::Client::new(&runtime::aws::for_service(&sdk, "CLOUDWATCH"))
    }

    /// Calls endpoints.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(super) fn web(&self) -> Result<&Web, Failure> {
        if let Some(web) = self.web.get() {
            return Ok(web);
        }
        let web = Web::new(self.reach)
            .map_err(|err| Failure::new(FailureKind::Refused, format!("the HTTP client could not be made: {err}")))?;
        Ok(self.web.get_or_init(|| web))
    }

    fn of_region(&self, region: &str) -> SdkConfig {
        self.sdk.clone().into_builder().region(Region::new(region.to_owned())).build()
    }
}
