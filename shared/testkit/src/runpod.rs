//! A fake RunPod: takes jobs of an endpoint with a queue, says how they stand, and forgets them half an hour after their end.
//!
//! Rules from <https://docs.runpod.io/serverless/endpoints/send-requests>. Its clock stands still until it is set. Nobody
//! works here: a test plays the worker ([`RunPod::begin`], [`RunPod::complete`], [`RunPod::fail`]). Webhooks are not sent but
//! kept ([`RunPod::webhooks`]), since what they go through is the test's to choose.
//!
//! Another process steers it over HTTP: `GET /jobs`, `POST /jobs/ID {"begin": true | "complete": OUTPUT | "fail": ERROR}`,
//! `GET /webhooks`, `POST /clock {"now"}`, and `POST /behave`, `DELETE /behave` as of the fake receivers, where `integration`
//! is the operation: `run`, `status` or `cancel`. A `status` from 300 on does nothing else, unless `"cut": "after"` stands
//! with it: then the operation takes effect first, and the answer says that it failed.

mod jobs;
mod server;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::receivers::{Behaviour, behaviour};
use crate::serve;
use jobs::Jobs;
pub use jobs::{Job, Status, Webhook};

/// One request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// `POST` or `GET`.
    pub method: String,
    /// Its path.
    pub path: String,
}

/// A running server on a free port of 127.0.0.1. Dropping it closes the port and every open connection.
#[derive(Debug)]
pub struct RunPod {
    address: SocketAddr,
    account: Arc<Mutex<Account>>,
    accepting: JoinHandle<()>,
}

/// Everything the server remembers.
#[derive(Debug)]
struct Account {
    api_key: String,
    endpoints: Vec<String>,
    jobs: Jobs,
    asked: Vec<Asked>,
    behaviours: behaviour::Queue,
}

impl RunPod {
    /// Starts a server with these endpoints on a free port. It takes this key and no other, and its clock shows `now`.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub async fn start(api_key: &str, endpoints: &[&str], now: Timestamp) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("opening a port for the fake RunPod")?;
        let address = listener.local_addr().context("reading the fake RunPod's port")?;
        let account = Arc::new(Mutex::new(Account {
            api_key: api_key.to_owned(),
            endpoints: endpoints.iter().map(|id| (*id).to_owned()).collect(),
            jobs: Jobs::new(now),
            asked: Vec::new(),
            behaviours: behaviour::Queue::default(),
        }));
        let accepting = tokio::spawn(serve::accept(listener, server::routes(Arc::clone(&account))));
        Ok(Self { address, account, accepting })
    }

    /// `http://127.0.0.1:PORT`, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets the clock: jobs that have run or existed too long end, and what has ended long enough ago is forgotten.
    pub fn set_clock(&self, now: Timestamp) {
        lock(&self.account).jobs.set_clock(now);
    }

    /// Every job that was ever taken, in order, those that were forgotten too.
    pub fn jobs(&self) -> Vec<Job> {
        lock(&self.account).jobs.all().to_vec()
    }

    /// How often an attempt of a run was taken: more than once is a trigger that was repeated.
    pub fn taken(&self, run_id: &str, attempt: u32) -> usize {
        self.jobs().iter().filter(|job| job.input["run_id"] == run_id && job.input["attempt"] == attempt).count()
    }

    /// A worker takes a job. Answers whether it was waiting.
    pub fn begin(&self, id: &str) -> bool {
        lock(&self.account).jobs.begin(id)
    }

    /// A job ends well. Answers whether it was under way.
    pub fn complete(&self, id: &str, output: Value) -> bool {
        lock(&self.account).jobs.end(id, Status::Completed, output, Value::Null)
    }

    /// A job ends badly. Answers whether it was under way.
    pub fn fail(&self, id: &str, error: &str) -> bool {
        lock(&self.account).jobs.end(id, Status::Failed, Value::Null, error.into())
    }

    /// What it would have posted, in order.
    pub fn webhooks(&self) -> Vec<Webhook> {
        lock(&self.account).jobs.webhooks().to_vec()
    }

    /// Every request to `/v2`, in order of arrival, whatever came of it.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.account).asked.clone()
    }

    /// Makes an operation misbehave from the next request on; behaviours queue up as those of the fake receivers.
    pub fn behave(&self, behaviour: Behaviour) {
        lock(&self.account).behaviours.push(behaviour);
    }

    /// Forgets every behaviour.
    pub fn behave_normally(&self) {
        lock(&self.account).behaviours.clear();
    }
}

impl Drop for RunPod {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A panic elsewhere leaves the account readable: no update of it stops half-way.
fn lock(account: &Mutex<Account>) -> MutexGuard<'_, Account> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}
