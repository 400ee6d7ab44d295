//! What an invocation works with: made once per sandbox, connected when first needed, renewed when broken.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use aws_config::SdkConfig;
use config::{Current, Parameters, RouterConfig, SecretRef, Secrets, Stale, WatchFile};
use domain::{Policy, Timestamp};
use runtime::queue::Queue;
use runtime::{Deadline, Fault, Kind};
use secrecy::{ExposeSecret, SecretString};
use store::{Class, Connection, migrations};
use tokio::sync::{Mutex, MutexGuard};

use crate::alarms::Alarms;
use crate::gone::Absence;
use crate::look::Looked;
use crate::receivers::Receivers;
use crate::record::{Past, Rules};

/// The longest that one exchange with Postgres may take; a batch has two.
const EXCHANGE: Duration = Duration::from_secs(5);

/// What does not change while the sandbox lives.
pub(crate) struct App {
    pub(crate) config: RouterConfig,
    pub(crate) policy: Policy,
    pub(crate) queue: Queue,
    pub(crate) held: Queue,
    pub(crate) alarms: Alarms,
    parameters: Arc<Mutex<Parameters>>,
    receivers: Receivers,
    session: Mutex<Session>,
}

/// What changes between invocations: the connection, and what SSM said last.
pub(crate) struct Session {
    invoked_at: Instant,
    current: Option<Current>,
    open: Option<Open>,
    in_use: bool,
    /// What the last batch that looked for what is due found.
    pub(crate) looked: Option<Looked>,
    /// That the store is gone, as far as is known.
    pub(crate) absence: Absence,
}

/// A connection, and the address it was opened with.
struct Open {
    connection: Connection,
    url: SecretString,
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
        let sdk: SdkConfig = runtime::aws::sdk_config(RouterConfig::FUNCTION, RouterConfig::OPERATIONS);
        let ssm = aws_sdk_ssm::Client::new(&runtime::aws::for_service(&sdk, "SSM"));
        let parameters = Parameters::new(ssm, config.environment.clone(), RouterConfig::BRANCHES);
        let parameters = Arc::new(Mutex::new(parameters));
        let sns = aws_sdk_sns::Client::new(&sdk);
        let sqs = aws_sdk_sqs::Client::new(&sdk);
        Ok(Self {
            policy: watch_file.policy(),
            queue: Queue::new(sqs.clone(), &config.alerts_queue_url),
            held: Queue::new(sqs, &config.held_queue_url),
            receivers: Receivers::new(&watch_file, &config, sns, Arc::clone(&parameters)),
            alarms: Alarms::new(
                aws_sdk_cloudwatch::Client::new(&runtime::aws::for_service(&sdk, "CLOUDWATCH")),
                &config.alarms_topic_arn,
            ),
            parameters,
            session: Mutex::new(Session {
                invoked_at: Instant::now(),
                current: None,
                open: None,
                in_use: false,
                looked: None,
                absence: Absence::default(),
            }),
            config,
        })
    }

    /// Everybody who can be told, whether or not there is a record.
    pub(crate) fn receivers(&self) -> &Receivers {
        &self.receivers
    }

    /// The session of this sandbox; there is one invocation at a time. If the last one panicked or was cut short, its
    /// connection may hold an open transaction and is dropped.
    pub(crate) async fn session(&self) -> MutexGuard<'_, Session> {
        let mut session = self.session.lock().await;
        if session.in_use {
            session.drop_connection();
        }
        session.in_use = true;
        session.invoked_at = Instant::now();
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
        if let Some(rest) = self.absence.rest() {
            let seconds = rest.as_secs() + 1;
            return Err(Fault::new(
                Kind::Unavailable,
                format!("Postgres was gone a moment ago, and is asked again in {seconds} s"),
            ));
        }
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
        let reading = migrations::require(&self.parts(app)?.0.client);
        match tokio::time::timeout(patience(deadline), reading).await {
            Ok(Err(error)) if !(reused && error.class() == Class::Unavailable) => return Err(error.into()),
            Ok(Ok(now)) => return Ok(now),
            _ => {}
        }
        self.drop_connection();
        self.ready(app, deadline).await?;
        Ok(migrations::require(&self.parts(app)?.0.client).await?)
    }

    /// Goes on with what SSM says now, or said last.
    pub(crate) async fn renew(&mut self, app: &App) {
        let current = app.parameters.lock().await.refresh(self.invoked_at).await;
        self.take(app, current);
    }

    async fn make_ready(&mut self, app: &App) -> Result<bool, Fault> {
        self.renew(app).await;
        let Some(Current { secrets, .. }) = &self.current else { return Ok(false) };
        if self.open.as_ref().is_some_and(|open| open.serves(secrets)) {
            return Ok(true);
        }
        self.open = None;
        let mut opened = Open::with(secrets).await;
        if opened.is_err() {
            // The address may have changed since SSM was asked.
            let renewed = app.parameters.lock().await.refused(Instant::now()).await;
            if let Some(current) = renewed {
                opened = Open::with(&current.secrets).await;
                self.take(app, current);
            }
        }
        self.open = Some(opened?);
        Ok(false)
    }

    /// Goes on with what SSM says now, and says once per invocation what it did not.
    fn take(&mut self, app: &App, current: Current) {
        if self.current.as_ref().is_none_or(|known| known.edition != current.edition) {
            app.receivers.take(&current);
        }
        if self.stale() != current.stale {
            for stale in &current.stale {
                tracing::warn!("{stale}");
            }
        }
        self.current = Some(current);
    }

    /// What decisions depend on besides the record. A receiver whose switch cannot be read counts as on.
    pub(crate) fn rules<'a>(&self, app: &'a App) -> Rules<'a> {
        Rules { policy: &app.policy, switched_off: self.switched_off(app), past: Past::default() }
    }

    /// Receivers that somebody switched off.
    pub(crate) fn switched_off(&self, app: &App) -> BTreeSet<String> {
        let Some(Current { switches, .. }) = &self.current else { return BTreeSet::new() };
        let is_off = |name: &Option<String>| name.as_ref().is_some_and(|name| switches.get(name).is_off());
        let receivers = app.policy.receivers.iter().filter(|(_, receiver)| is_off(&receiver.switch));
        receivers.map(|(name, _)| name.clone()).collect()
    }

    /// What SSM did not give when it was due.
    pub(crate) fn stale(&self) -> &[Stale] {
        self.current.as_ref().map(|current| current.stale.as_slice()).unwrap_or_default()
    }

    /// The connection and the receivers, once [`ready`](Self::ready).
    pub(crate) fn parts<'s>(&'s self, app: &'s App) -> Result<(&'s Connection, &'s Receivers), Fault> {
        match &self.open {
            Some(open) => Ok((&open.connection, &app.receivers)),
            None => Err(Fault::new(Kind::Unavailable, "there is no connection to Postgres")),
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

impl Open {
    /// Connects, and makes sure that the schema is new enough.
    async fn with(secrets: &Secrets) -> Result<Self, Fault> {
        let url = secrets.get(&SecretRef::store()).map_err(|error| {
            let kind = if error.is_unreadable() { Kind::Unavailable } else { Kind::BadConfig };
            Fault::new(kind, error.to_string())
        })?;
        let authority = secrets.get(&SecretRef::database_authority()).ok();
        let connection = Connection::open(&url, authority.as_ref().map(ExposeSecret::expose_secret)).await?;
        migrations::require(&connection.client).await.context("checking the schema")?;
        Ok(Self { connection, url })
    }

    /// Whether it is alive, and still where SSM says that the store is.
    fn serves(&self, secrets: &Secrets) -> bool {
        let moved = secrets.get(&SecretRef::store()).is_ok_and(|url| url.expose_secret() != self.url.expose_secret());
        !moved && !self.connection.is_closed()
    }
}

/// How long one exchange with Postgres may take in what is left of an invocation.
pub(crate) fn patience(deadline: &Deadline) -> Duration {
    deadline.for_work().min(EXCHANGE)
}

/// The clock of this machine, for what the store's cannot be asked: while the store is gone, and for signatures, whose date
/// whoever checks them compares with their own clock.
#[expect(clippy::disallowed_methods, reason = "nothing is decided by it as long as the store's clock is there")]
pub(crate) fn wall_clock() -> Timestamp {
    Timestamp::now()
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
