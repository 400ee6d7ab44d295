//! Fake receivers: one small HTTP server that keeps what it was sent and misbehaves when told to.
//!
//! Tests start one each ([`Receivers::start`]); the local cloud's supervisor runs the same one, so that both hear the
//! same story. Its own routes are CONTRACTS' "Local cloud": `/received`, `/behave` and `/pagerduty/incidents`.

pub(crate) mod behaviour;
mod server;

pub use behaviour::{Behaviour, Cut};

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::pagerduty::{Incident, PagerDuty};
use crate::serve;

/// Which integration a request belongs to, by the beginning of its path. The first match wins.
const INTEGRATIONS: [(&str, &str); 4] =
    [("/pagerduty/v2/enqueue", PAGERDUTY), ("/hook", "webhook"), ("/slack/", SLACK), ("/telegram/", TELEGRAM)];
const PAGERDUTY: &str = "pagerduty";
const SLACK: &str = "slack";
const TELEGRAM: &str = "telegram";

/// One request as it arrived, and what it was answered.
#[derive(Debug, Clone, Serialize)]
pub struct Received {
    /// Counts from 1 and is never reused, not even after a clear.
    pub n: u64,
    /// `pagerduty`, `webhook`, `slack` or `telegram`.
    pub integration: &'static str,
    /// Path and query, as sent.
    pub path: String,
    /// Names in lower case; several values of one name are joined with `, `.
    pub headers: BTreeMap<String, String>,
    /// The text of the body, unparsed.
    pub body: String,
    /// The body as JSON, `null` where it is none.
    pub json: Value,
    /// What the sender was told. It is written down before a delay, so a sender that gave up is listed too.
    pub answered: Answered,
    /// When it arrived.
    pub at: Timestamp,
}

/// What a sender was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// An HTTP status.
    Status(u16),
    /// Nothing: the connection was closed.
    Cut,
}

impl Serialize for Answered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Status(status) => serializer.serialize_u16(*status),
            Self::Cut => serializer.serialize_str("cut"),
        }
    }
}

/// A running server on a free port of 127.0.0.1. Dropping it closes the port and every open connection.
#[derive(Debug)]
pub struct Receivers {
    address: SocketAddr,
    log: Arc<Mutex<Log>>,
    accepting: JoinHandle<()>,
}

/// Everything the server remembers.
#[derive(Debug, Default)]
struct Log {
    last_n: u64,
    received: Vec<Received>,
    behaviours: behaviour::Queue,
    pagerduty: PagerDuty,
}

impl Receivers {
    /// Starts a server on a free port, running until it is dropped.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("opening a port for the fake receivers")?;
        let address = listener.local_addr().context("reading the fake receivers' port")?;
        let log = Arc::new(Mutex::new(Log::default()));
        let accepting = tokio::spawn(serve::accept(listener, server::routes(Arc::clone(&log))));
        Ok(Self { address, log, accepting })
    }

    /// `http://127.0.0.1:PORT`, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where a PagerDuty client posts its events.
    pub fn pagerduty_url(&self) -> String {
        format!("{}/pagerduty/v2/enqueue", self.url())
    }

    /// Where a plain webhook posts. Anything may follow the path.
    pub fn hook_url(&self) -> String {
        format!("{}/hook", self.url())
    }

    /// An incoming webhook of Slack. Anything may follow the path.
    pub fn slack_url(&self) -> String {
        format!("{}/slack/T00000000/B00000000/local", self.url())
    }

    /// Where a Telegram client finds its server.
    pub fn telegram_url(&self) -> String {
        format!("{}/telegram", self.url())
    }

    /// Everything received since the start or the last [`clear`](Self::clear), in order of arrival.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.log).received.clone()
    }

    /// What one integration received, in order of arrival.
    pub fn received_by(&self, integration: &str) -> Vec<Received> {
        self.received().into_iter().filter(|request| request.integration == integration).collect()
    }

    /// Makes an integration misbehave from the next request on.
    ///
    /// Behaviours queue up: `503` twice, then `429` once, then as usual. One without `times` lasts until the next.
    pub fn behave(&self, behaviour: Behaviour) {
        lock(&self.log).behaviours.push(behaviour);
    }

    /// Forgets every behaviour.
    pub fn behave_normally(&self) {
        lock(&self.log).behaviours.clear();
    }

    /// The fake PagerDuty's incidents, oldest first.
    pub fn incidents(&self) -> Vec<Incident> {
        lock(&self.log).pagerduty.incidents()
    }

    /// Forgets requests, behaviours and incidents.
    pub fn clear(&self) {
        let mut log = lock(&self.log);
        log.received.clear();
        log.behaviours.clear();
        log.pagerduty.clear();
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A panic elsewhere leaves the log readable: no update of it stops half-way.
fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
