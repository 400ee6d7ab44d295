//! What an invocation works with: made once per sandbox, connected when first needed, renewed when broken.

use std::time::{Duration, Instant};

use anyhow::Context;
use aws_config::SdkConfig;
use config::{RouterConfig, SecretRef, Secrets, WatchFile};
use domain::{Policy, Timestamp};
use integrations::Http;
use runtime::queue::Queue;
use runtime::{Deadline, Fault, Kind};
use secrecy::ExposeSecret;
use store::{Class, Connection, migrations};
use tokio::sync::{Mutex, MutexGuard};

use crate::receivers::Receivers;

/// The longest that one exchange with Postgres may take; a batch has two.
const EXCHANGE: Duration = Duration::from_secs(5);

/// What does not change while the sandbox lives.
pub(crate) struct App {
    pub(crate) config: RouterConfig,
    pub(crate) policy: Policy,
    pub(crate) queue: Queue,
    watch_file: WatchFile,
    ssm: aws_sdk_ssm::Client,
    sns: aws_sdk_sns::Client,
    http: Http,
    session: Mutex<Session>,
}

/// What may break: the connection and what SSM said.
#[derive(Default)]
pub(crate) struct Session {
    open: Option<Connection>,
    secrets: Option<Secrets>,
    receivers: Option<Receivers>,
    in_use: bool,
}

impl App {
    /// Reads environment and watch file, and makes the clients. Nothing is called yet, so that a sandbox is ready in
    /// milliseconds.
    ///
    /// # Errors
    /// `BadConfig`, answered by every invocation: a failed start would say less.
    pub(crate) async fn from_env() -> Result<Self, Fault> {
        let config = RouterConfig::from_env().map_err(Fault::bad_config)?;
        let watch_file = WatchFile::load(&config.watch_file, &config.environment).map_err(Fault::bad_config)?;
        let sdk: SdkConfig = runtime::aws::sdk_config();
        Ok(Self {
            policy: watch_file.policy(),
            queue: Queue::new(aws_sdk_sqs::Client::new(&sdk), &config.alerts_queue_url),
            ssm: aws_sdk_ssm::Client::new(&sdk),
            sns: aws_sdk_sns::Client::new(&sdk),
            http: Http::default(),
            session: Mutex::default(),
            watch_file,
            config,
        })
    }

    /// The session of this sandbox; there is one invocation at a time. If the last one panicked or was cut short, its
    /// connection may hold an open transaction and is dropped.
    pub(crate) async fn session(&self) -> MutexGuard<'_, Session> {
        let mut session = self.session.lock().await;
        if session.in_use {
            session.drop_connection();
        }
        session.in_use = true;
        session
    }
}

impl Session {
    /// Makes sure of secrets, receivers and a connection whose schema is new enough. Says whether the connection was
    /// there before: such a one may have died unnoticed.
    ///
    /// # Errors
    /// What is wrong with them, or `Unavailable` when time runs out.
    pub(crate) async fn ready(&mut self, app: &App, deadline: &Deadline) -> Result<bool, Fault> {
        let patience = deadline.for_work();
        tokio::time::timeout(patience, self.make_ready(app)).await.unwrap_or_else(|_| {
            let seconds = patience.as_secs();
            Err(Fault::new(
                Kind::Unavailable,
                format!("SSM and Postgres did not answer within the {seconds} s that were left"),
            ))
        })
    }

    /// The store's clock; over a connection that died while the sandbox was frozen, over a new one.
    pub(crate) async fn fresh_clock(&mut self, app: &App, deadline: &Deadline) -> Result<Timestamp, Fault> {
        let reused = self.ready(app, deadline).await?;
        let reading = migrations::require(&self.parts()?.0.client);
        match tokio::time::timeout(patience(deadline), reading).await {
            Ok(Err(error)) if !(reused && error.class() == Class::Unavailable) => return Err(error.into()),
            Ok(Ok(now)) => return Ok(now),
            _ => {}
        }
        self.drop_connection();
        self.ready(app, deadline).await?;
        Ok(migrations::require(&self.parts()?.0.client).await?)
    }

    async fn make_ready(&mut self, app: &App) -> Result<bool, Fault> {
        if self.receivers.as_ref().is_none_or(|receivers| receivers.unusable().next().is_some()) {
            self.read_secrets(app).await;
        }
        if self.open.as_ref().is_some_and(|open| !open.is_closed()) {
            return Ok(true);
        }
        self.open = None;
        let Some(secrets) = &self.secrets else { return Ok(false) };
        let connection = connect(secrets).await;
        if connection.is_err() {
            // The address may have changed since SSM was asked.
            (self.secrets, self.receivers) = (None, None);
        }
        self.open = Some(connection?);
        Ok(false)
    }

    async fn read_secrets(&mut self, app: &App) {
        let secrets = config::secrets::load(&app.ssm, &app.config.environment, RouterConfig::BRANCHES).await;
        let receivers = Receivers::new(&app.watch_file, &app.config, &secrets, &app.http, &app.sns);
        for (name, why) in receivers.unusable() {
            tracing::error!(receiver = name, error = why, "The receiver {name} cannot be told anything");
        }
        (self.secrets, self.receivers) = (Some(secrets), Some(receivers));
    }

    /// The connection and the receivers, once [`ready`](Self::ready).
    pub(crate) fn parts(&self) -> Result<(&Connection, &Receivers), Fault> {
        match (&self.open, &self.receivers) {
            (Some(connection), Some(receivers)) => Ok((connection, receivers)),
            _ => Err(Fault::new(Kind::Unavailable, "there is no connection to Postgres")),
        }
    }

    /// The invocation ends in order: the next one may go on with the connection.
    pub(crate) fn done(&mut self) {
        self.in_use = false;
    }

    /// Drops a connection whose state is not known any more.
    pub(crate) fn drop_connection(&mut self) {
        self.open = None;
    }
}

async fn connect(secrets: &Secrets) -> Result<Connection, Fault> {
    let url = secrets.get(&SecretRef::store()).map_err(Fault::bad_config)?;
    let authority = secrets.get(&SecretRef::database_authority()).ok();
    let connection = Connection::open(&url, authority.as_ref().map(ExposeSecret::expose_secret)).await?;
    migrations::require(&connection.client).await.context("checking the schema")?;
    Ok(connection)
}

/// How long one exchange with Postgres may take in what is left of an invocation.
pub(crate) fn patience(deadline: &Deadline) -> Duration {
    deadline.for_work().min(EXCHANGE)
}

/// The clock that decides: the store's (or the payload's), read once per run and carried on by the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    read: Timestamp,
    since: Instant,
}

impl Clock {
    /// A clock that was read as `now` at `since`.
    pub(crate) fn read(now: Timestamp, since: Instant) -> Self {
        Self { read: now, since }
    }

    /// The instant that it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.after(Duration::ZERO)
    }

    /// The instant that it will be `later`.
    pub(crate) fn after(&self, later: Duration) -> Timestamp {
        self.read.saturating_add(self.since.elapsed() + later).unwrap_or(self.read)
    }
}
