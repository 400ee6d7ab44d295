//! The four endpoints of the Lambda Runtime API, for one process.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;

use crate::emulator::{ACCOUNT, REGION};

/// What a process says about one event.
#[derive(Debug)]
pub(super) enum Answer {
    Response(Value),
    Error { error_type: String, message: String },
}

/// A running Runtime API. Dropping it closes its port.
#[derive(Debug)]
pub(super) struct Api {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    arn: String,
    /// The event on offer, then the one being worked on.
    event: Mutex<Option<Event>>,
    offered: Notify,
    first_poll: watch::Sender<Option<Instant>>,
    init_error: Mutex<Option<(String, String)>>,
}

#[derive(Debug)]
struct Event {
    request_id: String,
    body: String,
    deadline_ms: u128,
    taken: bool,
    reply: oneshot::Sender<Answer>,
}

impl Api {
    /// Serves the API on a free port for a function of that name.
    pub(super) async fn start(function: &str) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            arn: format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"),
            event: Mutex::default(),
            offered: Notify::new(),
            first_poll: watch::channel(None).0,
            init_error: Mutex::default(),
        });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("opening a port for the Runtime API")?;
        let address = listener.local_addr().context("reading the Runtime API's port")?;
        let serving = tokio::spawn(async move {
            // `axum::serve` never ends by itself.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { address, shared, serving })
    }

    /// `AWS_LAMBDA_RUNTIME_API`.
    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Puts an event where the next poll finds it, in place of any other.
    pub(super) fn offer(&self, event: &Value, timeout: Duration) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        #[expect(clippy::disallowed_methods, reason = "Lambda gives deadlines in wall-clock time")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        *lock(&self.shared.event) = Some(Event {
            request_id: uuid::Uuid::now_v7().to_string(),
            body: event.to_string(),
            deadline_ms: (now + timeout).as_millis(),
            taken: false,
            reply,
        });
        self.shared.offered.notify_one();
        answer
    }

    /// Waits for the first poll.
    pub(super) async fn first_poll(&self) -> Instant {
        let mut polled = self.shared.first_poll.subscribe();
        let at = polled.wait_for(Option::is_some).await.ok().and_then(|at| *at);
        // The sender lives as long as `self`, so there always is one.
        at.unwrap_or_else(Instant::now)
    }

    /// What the process said about its own start, if that failed.
    pub(super) fn init_error(&self) -> Option<(String, String)> {
        lock(&self.shared.init_error).clone()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Hands out the event on offer, waiting for one as long as it takes.
async fn next(State(shared): State<Arc<Shared>>) -> Response {
    shared.first_poll.send_if_modified(|at| at.is_none() && at.replace(Instant::now()).is_none());
    loop {
        // Taken together with the lock's contents or not at all: a poll that was given up takes nothing.
        if let Some(event) = lock(&shared.event).as_mut().filter(|event| !event.taken) {
            event.taken = true;
            let headers = [
                ("content-type", "application/json".to_owned()),
                ("lambda-runtime-aws-request-id", event.request_id.clone()),
                ("lambda-runtime-deadline-ms", event.deadline_ms.to_string()),
                ("lambda-runtime-invoked-function-arn", shared.arn.clone()),
                ("lambda-runtime-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0".to_owned()),
            ];
            return (headers, event.body.clone()).into_response();
        }
        shared.offered.notified().await;
    }
}

async fn response(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: String) -> StatusCode {
    let answer = serde_json::from_str(&body).unwrap_or(Value::String(body));
    reply(&shared, &id, Answer::Response(answer))
}

async fn error(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: String) -> StatusCode {
    let (error_type, message) = read_error(&body);
    reply(&shared, &id, Answer::Error { error_type, message })
}

async fn init_error(State(shared): State<Arc<Shared>>, body: String) -> StatusCode {
    *lock(&shared.init_error) = Some(read_error(&body));
    StatusCode::ACCEPTED
}

/// Passes an answer to whoever invoked; an id that is not being worked on is refused, as Lambda does.
fn reply(shared: &Shared, id: &str, answer: Answer) -> StatusCode {
    match lock(&shared.event).take_if(|event| event.taken && event.request_id == id) {
        Some(event) => {
            // Nobody may be waiting any more: the caller has timed out.
            let _ = event.reply.send(answer);
            StatusCode::ACCEPTED
        }
        None => StatusCode::BAD_REQUEST,
    }
}

fn read_error(body: &str) -> (String, String) {
    let error: Value = serde_json::from_str(body).unwrap_or_default();
    let field = |name| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    (field("errorType"), field("errorMessage"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
