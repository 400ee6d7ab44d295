//! What an invocation works with: made once per sandbox, and called when first needed.

use std::collections::BTreeMap;
use std::sync::Once;
use std::time::{Duration, Instant};

use config::{Current, Parameters, PollerConfig, SecretRef, Switch, WatchFile};
use outbound::Http;
use runtime::opening::{self, Store};
use runtime::queue::Queue;
use runtime::{Deadline, Fault};
use tokio::sync::Mutex;

use crate::upstream::Mirrors;

/// The longest that one exchange with Postgres may take.
const EXCHANGE: Duration = Duration::from_secs(10);

/// What does not change while the sandbox lives.
pub(crate) struct App {
    pub(crate) watch_file: WatchFile,
    pub(crate) queue: Queue,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) lambda: aws_sdk_lambda::Client,
    pub(crate) cloudwatch: aws_sdk_cloudwatch::Client,
    pub(crate) http: Http,
    pub(crate) mirrors: Mirrors,
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
        let config = PollerConfig::from_env().map_err(Fault::bad_config)?;
        let watch_file = WatchFile::load(&config.watch_file, &config.environment).map_err(Fault::bad_config)?;
        let sdk = runtime::aws::sdk_config(PollerConfig::FUNCTION, PollerConfig::OPERATIONS);
        let ssm = aws_sdk_ssm::Client::new(&runtime::aws::for_service(&sdk, "SSM"));
        let sqs = aws_sdk_sqs::Client::new(&sdk);
        Ok(Self {
            queue: Queue::new(sqs.clone(), &config.alerts_queue_url),
            sqs,
            lambda: aws_sdk_lambda::Client::new(&runtime::aws::for_service(&sdk, "LAMBDA")),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&runtime::aws::for_service(&sdk, "CLOUDWATCH")),
            http: Http::default(),
            mirrors: Mirrors::new(&sdk),
            parameters: Mutex::new(Parameters::new(ssm, config.environment.clone(), PollerConfig::BRANCHES)),
            begun: Once::new(),
            watch_file,
        })
    }

    /// Secrets and switches as of `at`, read from SSM where they are too old. What could not be read is in its `stale`,
    /// for the summary.
    pub(crate) async fn parameters(&self, at: Instant) -> Current {
        let current = self.parameters.lock().await.refresh(at).await;
        self.told(current)
    }

    /// The same, with the switches as they are at this moment: something is about to be triggered.
    pub(crate) async fn parameters_to_act(&self, at: Instant) -> Current {
        let current = self.parameters.lock().await.refresh_switches(at).await;
        self.told(current)
    }

    fn told(&self, current: Current) -> Current {
        for stale in &current.stale {
            tracing::warn!("{stale}");
        }
        for (switch, why) in current.switches.complaints() {
            tracing::error!(switch, "Switch {switch} counts as off: {why}");
        }
        self.begun.call_once(|| self.say_what_is_on(&current));
        current
    }

    /// The line that every sandbox begins with.
    fn say_what_is_on(&self, current: &Current) {
        let switches: Vec<String> = self
            .watch_file
            .sources
            .iter()
            .filter_map(|source| Some((source.rules.name.as_str(), source.switch.as_deref()?)))
            .map(|(name, switch)| match current.switches.get(switch) {
                Switch::On => format!("{switch} ({name}): on"),
                Switch::Off => format!("{switch} ({name}): off"),
                Switch::Unreadable(why) => format!("{switch} ({name}): counts as off, {why}"),
            })
            .collect();
        tracing::info!(
            watch_file = self.watch_file.file,
            environment = self.watch_file.environment.as_str(),
            sources = self.watch_file.sources.len(),
            switches = ?switches,
            "data-poller is ready: {} sources",
            self.watch_file.sources.len()
        );
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
}

async fn open(parameters: &Current, deadline: &Deadline) -> Result<Store, Fault> {
    let url = parameters.secrets.get(&SecretRef::store()).map_err(Fault::bad_config)?;
    let authority = parameters.secrets.get(&SecretRef::database_authority()).ok();
    opening::open(&url, authority.as_ref(), patience(deadline)).await
}

/// Sources for which nothing may be triggered, and why. What acts on the world acts only where a switch is surely on.
pub(crate) fn held(watch_file: &WatchFile, parameters: &Current) -> BTreeMap<String, String> {
    let why = |source: &config::watch_file::Source| {
        let switch = source.switch.as_deref()?;
        let why = match parameters.switches.get(switch) {
            Switch::On => return None,
            Switch::Off => format!("the switch {switch} is off"),
            Switch::Unreadable(why) => format!("the switch {switch} counts as off: {why}"),
        };
        Some((source.rules.name.clone(), why))
    };
    watch_file.sources.iter().filter_map(why).collect()
}

/// How long one exchange with Postgres may take in what is left of an invocation.
pub(crate) fn patience(deadline: &Deadline) -> Duration {
    deadline.for_work().min(EXCHANGE)
}

/// The same, to record what a trigger answered: the time that is kept back is for that.
pub(crate) fn patience_to_record(deadline: &Deadline) -> Duration {
    deadline.for_recording().min(EXCHANGE)
}
