//! What an invocation works with: made once per sandbox, and called when first needed.

use std::time::{Duration, Instant};

use aws_sdk_s3::config::Region;
use aws_sdk_s3::config::retry::RetryConfig;
use config::watch_file::Access;
use config::{ArchiverConfig, Current, Parameters, SecretRef, WatchFile};
use domain::retention::Policy;
use runtime::opening::{self, Store};
use runtime::queue::Queue;
use runtime::{Deadline, Fault, Kind};
use secrecy::ExposeSecret;
use store::Connection;
use tokio::sync::Mutex;

use crate::cold::Cold;

/// The longest that one exchange with our own database may take.
const EXCHANGE: Duration = Duration::from_secs(10);

/// What does not change while the sandbox lives.
pub(crate) struct App {
    pub(crate) watch_file: WatchFile,
    pub(crate) queue: Queue,
    pub(crate) cloudwatch: aws_sdk_cloudwatch::Client,
    pub(crate) cold: Cold,
    pub(crate) storage_class: config::StorageClass,
    sdk: aws_config::SdkConfig,
    parameters: Mutex<Parameters>,
}

impl App {
    /// Reads environment and watch file, and makes the clients. Nothing is called yet, so that a sandbox is ready in
    /// milliseconds.
    ///
    /// # Errors
    /// `BadConfig`, answered by every invocation: a failed start would say less.
    pub(crate) async fn from_env() -> Result<Self, Fault> {
        let config = ArchiverConfig::from_env().map_err(Fault::bad_config)?;
        let watch_file = WatchFile::load(&config.watch_file, &config.environment).map_err(Fault::bad_config)?;
        let sdk = runtime::aws::sdk_config(ArchiverConfig::FUNCTION, ArchiverConfig::OPERATIONS);
        let ssm = aws_sdk_ssm::Client::new(&runtime::aws::for_service(&sdk, "SSM"));
        Ok(Self {
            queue: Queue::new(aws_sdk_sqs::Client::new(&sdk), &config.alerts_queue_url),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&runtime::aws::for_service(&sdk, "CLOUDWATCH")),
            cold: Cold::new(s3(&sdk, None), &config.archive_bucket, config.storage_class),
            parameters: Mutex::new(Parameters::new(ssm, config.environment.clone(), ArchiverConfig::BRANCHES)),
            storage_class: config.storage_class,
            watch_file,
            sdk,
        })
    }

    /// A client for the buckets of a region; of ours, where nothing is said.
    pub(crate) fn s3_in(&self, region: Option<&str>) -> aws_sdk_s3::Client {
        s3(&self.sdk, region)
    }

    /// Secrets as of `at`, read from SSM where they are too old. What could not be read is in its `stale`, for the summary.
    pub(crate) async fn parameters(&self, at: Instant) -> Current {
        let current = self.parameters.lock().await.refresh(at).await;
        for stale in &current.stale {
            tracing::warn!("{stale}");
        }
        current
    }

    /// Our own database; with another secret, if SSM has another than the one it refused.
    ///
    /// # Errors
    /// Why it is not to be had.
    pub(crate) async fn store(
        &self,
        parameters: &mut Current,
        began: Instant,
        deadline: &Deadline,
    ) -> Result<Store, Fault> {
        let fault = match open(parameters, deadline).await {
            Ok(store) => return Ok(store),
            Err(fault) => fault,
        };
        let Some(current) = self.parameters.lock().await.refused(began).await else { return Err(fault) };
        *parameters = current;
        open(parameters, deadline).await
    }

    /// The database that holds a policy's rows, or those of a hard delete.
    ///
    /// # Errors
    /// Why it is not to be had.
    pub(crate) async fn database(&self, name: &str, parameters: &Current, began: Instant) -> Result<Connection, Fault> {
        let address = self.address(name)?;
        let fault = match connect(name, &address, parameters).await {
            Ok(connection) => return Ok(connection),
            Err(fault) => fault,
        };
        // The password may have been changed since it was read.
        let Some(current) = self.parameters.lock().await.refused(began).await else { return Err(fault) };
        connect(name, &address, &current).await
    }

    fn address(&self, name: &str) -> Result<SecretRef, Fault> {
        if name == config::watch_file::OWN_DATABASE {
            return Ok(SecretRef::store());
        }
        match self.watch_file.databases.get(name).map(|database| &database.access) {
            Some(Access::Url(url)) => Ok(url.clone()),
            Some(Access::Lambda(_)) => Err(Fault::new(
                Kind::BadConfig,
                format!(
                    "database {name} is asked through a function: rows are moved over a connection, give it a `url`"
                ),
            )),
            None => Err(Fault::new(Kind::BadConfig, format!("there is no [database.{name}] in the watch file"))),
        }
    }

    /// The policies that a run is about.
    ///
    /// # Errors
    /// `BadPayload` where there is none of this name.
    pub(crate) fn policies(&self, named: Option<&str>) -> Result<Vec<&Policy>, Fault> {
        let all = &self.watch_file.retention;
        let Some(name) = named else { return Ok(all.iter().collect()) };
        let found: Vec<&Policy> = all.iter().filter(|policy| policy.name == name).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let names: Vec<&str> = all.iter().map(|policy| policy.name.as_str()).collect();
        Err(Fault::bad_payload(format!("policy: there is no [retention.{name}]; there are {}", names.join(", "))))
    }
}

fn s3(sdk: &aws_config::SdkConfig, region: Option<&str>) -> aws_sdk_s3::Client {
    let sdk = runtime::aws::for_service(sdk, "S3");
    let region = region.map(|region| Region::new(region.to_owned())).or_else(|| sdk.region().cloned());
    let config = aws_sdk_s3::config::Builder::from(&sdk)
        .region(region)
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        // A local cloud is one host for all buckets.
        .force_path_style(sdk.endpoint_url().is_some());
    aws_sdk_s3::Client::from_conf(config.build())
}

async fn open(parameters: &Current, deadline: &Deadline) -> Result<Store, Fault> {
    let url = parameters.secrets.get(&SecretRef::store()).map_err(Fault::bad_config)?;
    let authority = parameters.secrets.get(&SecretRef::database_authority()).ok();
    opening::open(&url, authority.as_ref(), patience(deadline)).await
}

async fn connect(name: &str, address: &SecretRef, parameters: &Current) -> Result<Connection, Fault> {
    let url = parameters.secrets.get(address).map_err(Fault::bad_config)?;
    let authority = parameters.secrets.get(&SecretRef::database_authority()).ok();
    let opened = Connection::open(&url, authority.as_ref().map(ExposeSecret::expose_secret)).await;
    opened.map_err(|error| {
        let fault = Fault::from(error);
        Fault::new(fault.kind, format!("database {name}: {}", fault.message))
    })
}

/// How long one exchange with our own database may take in what is left of an invocation.
pub(crate) fn patience(deadline: &Deadline) -> Duration {
    deadline.for_recording().min(EXCHANGE)
}
