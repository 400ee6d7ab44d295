//! What an invocation works with: made once per sandbox, and called when first needed.

use std::sync::Once;
use std::time::Instant;

use config::{Current, HealthcheckConfig, Parameters, WatchFile};
use runtime::Fault;
use runtime::queue::Queue;
use store::check_states::Remembered;
use tokio::sync::Mutex;

use crate::ask::Clients;
use crate::toggles;

/// What does not change while the sandbox lives.
pub(crate) struct App {
    pub(crate) config: HealthcheckConfig,
    pub(crate) watch_file: WatchFile,
    pub(crate) queue: Queue,
    pub(crate) sns: aws_sdk_sns::Client,
    pub(crate) cloudwatch: aws_sdk_cloudwatch::Client,
    pub(crate) clients: Clients,
    /// What this sandbox last read of the record, for when the record is out of reach.
    pub(crate) remembered: Mutex<Option<Vec<Remembered>>>,
    parameters: Mutex<Parameters>,
    begun: Once,
}

impl App {
    /// Reads environment and watch file, and makes the clients. Nothing is called yet, so that a sandbox is ready in
    /// milliseconds.
    ///
    /// # Errors
    /// `BadConfig`, answered by every invocation: a failed start would say less.
    pub(crate) async fn from_env() -> Result<Self, Fault> {
        let config = HealthcheckConfig::from_env().map_err(Fault::bad_config)?;
        let watch_file = WatchFile::load(&config.watch_file, &config.environment).map_err(Fault::bad_config)?;
        let sdk = runtime::aws::sdk_config(HealthcheckConfig::FUNCTION, HealthcheckConfig::OPERATIONS);
        let ssm = aws_sdk_ssm::Client::new(&runtime::aws::for_service(&sdk, "SSM"));
        Ok(Self {
            queue: Queue::new(aws_sdk_sqs::Client::new(&sdk), &config.alerts_queue_url),
            sns: aws_sdk_sns::Client::new(&sdk),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&runtime::aws::for_service(&sdk, "CLOUDWATCH")),
            clients: Clients::new(&sdk, &watch_file.environment),
            remembered: Mutex::default(),
            parameters: Mutex::new(Parameters::new(ssm, config.environment.clone(), HealthcheckConfig::BRANCHES)),
            begun: Once::new(),
            watch_file,
            config,
        })
    }

    /// Secrets and switches for an invocation that began at `at`, read from SSM where they are too old. What could not
    /// be read is in its `stale`, for the summary.
    pub(crate) async fn parameters(&self, at: Instant) -> Current {
        let current = self.parameters.lock().await.refresh(at).await;
        for stale in &current.stale {
            tracing::warn!("{stale}");
        }
        for (switch, why) in current.switches.complaints() {
            tracing::error!(switch, "Switch {switch} counts as on: {why}");
        }
        self.begun.call_once(|| toggles::say(&self.watch_file, &current.switches));
        current
    }

    /// A database refused its secret, or is not where the secret says. Answers with what SSM has now if that is
    /// something else: then the database is worth another try.
    pub(crate) async fn secret_refused(&self, at: Instant) -> Option<Current> {
        self.parameters.lock().await.refused(at).await
    }
}
