//! What an invocation works with: made once per sandbox, and called when first needed.

use std::collections::BTreeMap;
use std::sync::Once;
use std::time::{Duration, Instant};

use config::{Current, DeadmanConfig, Parameters, SecretRef, Secrets, Switch, WatchFile};
use domain::Timestamp;
use domain::heartbeat::State;
use runtime::opening::{self, Store};
use runtime::queue::Queue;
use runtime::{Deadline, Fault};
use tokio::sync::Mutex;

use crate::signals::Readers;

/// The longest that one exchange with Postgres may take.
const EXCHANGE: Duration = Duration::from_secs(10);

/// What does not change while the sandbox lives.
pub(crate) struct App {
    pub(crate) config: DeadmanConfig,
    pub(crate) watch_file: WatchFile,
    pub(crate) queue: Queue,
    pub(crate) sns: aws_sdk_sns::Client,
    pub(crate) cloudwatch: aws_sdk_cloudwatch::Client,
    pub(crate) readers: Readers,
    /// What this sandbox knows, for when the record is out of reach.
    pub(crate) known: Mutex<Known>,
    parameters: Mutex<Parameters>,
    begun: Once,
}

/// What a sandbox remembers by itself.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// What it last read of the record.
    pub(crate) states: BTreeMap<String, State>,
    /// What it told without a record, and when.
    pub(crate) told: BTreeMap<String, Timestamp>,
}

impl App {
    /// Reads environment and watch file, and makes the clients. Nothing is called yet, so that a sandbox is ready in
    /// milliseconds.
    ///
    /// # Errors
    /// `BadConfig`, answered by every invocation: a failed start would say less.
    pub(crate) async fn from_env() -> Result<Self, Fault> {
        let config = DeadmanConfig::from_env().map_err(Fault::bad_config)?;
        let watch_file = WatchFile::load(&config.watch_file, &config.environment).map_err(Fault::bad_config)?;
        let sdk = runtime::aws::sdk_config(DeadmanConfig::FUNCTION, DeadmanConfig::OPERATIONS);
        let ssm = aws_sdk_ssm::Client::new(&runtime::aws::for_service(&sdk, "SSM"));
        Ok(Self {
            queue: Queue::new(aws_sdk_sqs::Client::new(&sdk), &config.alerts_queue_url),
            sns: aws_sdk_sns::Client::new(&sdk),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&runtime::aws::for_service(&sdk, "CLOUDWATCH")),
            readers: Readers::new(&sdk),
            known: Mutex::default(),
            parameters: Mutex::new(Parameters::new(ssm, config.environment.clone(), DeadmanConfig::BRANCHES)),
            begun: Once::new(),
            watch_file,
            config,
        })
    }

    /// Secrets and switches for an invocation that began at `at`, read from SSM where they are too old. What could not
    /// be read is in its `stale`, for the summary.
    pub(crate) async fn parameters(&self, at: Instant) -> Current {
        let current = self.refreshed(at).await;
        for stale in &current.stale {
            tracing::warn!("{stale}");
        }
        for (switch, why) in current.switches.complaints() {
            tracing::error!(switch, "Switch {switch} counts as on: {why}");
        }
        self.begun.call_once(|| self.say_what_is_on(&current));
        current
    }

    async fn refreshed(&self, at: Instant) -> Current {
        let mut parameters = self.parameters.lock().await;
        let current = parameters.refresh(at).await;
        // A watched database did not take its secret a minute ago: it may have another one by now.
        if self.readers.take_refused() { parameters.refused(at).await.unwrap_or(current) } else { current }
    }

    /// The line that every sandbox begins with.
    fn say_what_is_on(&self, current: &Current) {
        let heartbeats = &self.watch_file.heartbeats;
        let switched =
            heartbeats.iter().filter_map(|heartbeat| Some((&heartbeat.rules.name, heartbeat.switch.as_ref()?)));
        let switches: Vec<String> = switched
            .map(|(name, switch)| match current.switches.get(switch) {
                Switch::On => format!("{switch} ({name}): on"),
                Switch::Off => format!("{switch} ({name}): off"),
                Switch::Unreadable(why) => format!("{switch} ({name}): counts as on, {why}"),
            })
            .collect();
        tracing::info!(
            watch_file = self.watch_file.file,
            environment = self.watch_file.environment.as_str(),
            heartbeats = heartbeats.len(),
            external_ping = self.watch_file.external_ping.is_some(),
            switches = ?switches,
            "deadman is ready: {} heartbeats",
            heartbeats.len()
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
        let fault = match open(&parameters.secrets, deadline).await {
            Ok(store) => return Ok(store),
            Err(fault) => fault,
        };
        let Some(current) = self.secrets_refused(began).await else { return Err(fault) };
        *parameters = current;
        open(&parameters.secrets, deadline).await
    }

    /// A database refused its secret, or is not where the secret says. Answers with what SSM has now if that is
    /// something else.
    pub(crate) async fn secrets_refused(&self, at: Instant) -> Option<Current> {
        self.parameters.lock().await.refused(at).await
    }
}

impl Known {
    /// What the record says now. What was told without it is on its way there, or was told again.
    pub(crate) fn remember(&mut self, states: &BTreeMap<String, State>) {
        self.states.clone_from(states);
        self.told.clear();
    }
}

/// Our own database, with what SSM said of it.
///
/// # Errors
/// Why it is not to be had.
pub(crate) async fn open(secrets: &Secrets, deadline: &Deadline) -> Result<Store, Fault> {
    let url = secrets.get(&SecretRef::store()).map_err(Fault::bad_config)?;
    let authority = secrets.get(&SecretRef::database_authority()).ok();
    opening::open(&url, authority.as_ref(), patience(deadline)).await
}

/// How long one exchange with Postgres may take in what is left of an invocation.
pub(crate) fn patience(deadline: &Deadline) -> Duration {
    deadline.for_work().min(EXCHANGE)
}

/// The clock while there is no store to ask for its own.
#[expect(clippy::disallowed_methods, reason = "the one place where deadman reads the clock")]
pub(crate) fn clock() -> Timestamp {
    Timestamp::now()
}
