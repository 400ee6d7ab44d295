//! What an invocation works with: made once per sandbox, and called when first needed.

use config::{HealthcheckConfig, Secrets, WatchFile};
use runtime::Fault;
use tokio::sync::Mutex;

/// What does not change while the sandbox lives.
pub(crate) struct App {
    pub(crate) watch_file: WatchFile,
    pub(crate) cloudwatch: aws_sdk_cloudwatch::Client,
    ssm: aws_sdk_ssm::Client,
    secrets: Mutex<Option<Secrets>>,
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
        let sdk = runtime::aws::sdk_config();
        Ok(Self {
            cloudwatch: aws_sdk_cloudwatch::Client::new(&runtime::aws::for_service(&sdk, "CLOUDWATCH")),
            ssm: aws_sdk_ssm::Client::new(&sdk),
            secrets: Mutex::default(),
            watch_file,
        })
    }

    /// The secrets of this sandbox, read from SSM if it has none.
    pub(crate) async fn secrets(&self) -> Secrets {
        let mut kept = self.secrets.lock().await;
        if let Some(secrets) = &*kept {
            return secrets.clone();
        }
        let environment = &self.watch_file.environment;
        let secrets = config::secrets::load(&self.ssm, environment, HealthcheckConfig::BRANCHES).await;
        *kept = Some(secrets.clone());
        secrets
    }

    /// Forgets the secrets, so that the next run reads them anew: one of them may have been wrong.
    pub(crate) async fn forget_secrets(&self) {
        *self.secrets.lock().await = None;
    }
}
