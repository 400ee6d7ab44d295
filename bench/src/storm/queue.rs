//! A queue that answers at once: the router deletes what it has recorded, and what an emulator takes for that is nobody's
//! merit or fault.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// It takes every DeleteMessageBatch and nothing else. Dropping it closes its port.
pub(super) struct Queue {
    pub(super) endpoint: String,
    asked: Arc<Asked>,
    serving: JoinHandle<()>,
}

/// When it was asked first and last.
type Asked = Mutex<Option<(Instant, Instant)>>;

impl Queue {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("opening a port for the queue")?;
        let endpoint = format!("http://{}", listener.local_addr().context("reading the queue's port")?);
        let asked = Arc::<Asked>::default();
        let routes = axum::Router::new().route("/", post(answer)).with_state(Arc::clone(&asked));
        let serving = tokio::spawn(async move {
            // `axum::serve` never ends by itself.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { endpoint, asked, serving })
    }

    /// From the first request to the last since this was asked before: one call follows the other.
    pub(super) fn busy(&self) -> Duration {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).take();
        asked.map_or(Duration::ZERO, |(first, last)| last - first)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html>
async fn answer(State(asked): State<Arc<Asked>>, headers: HeaderMap, body: String) -> (StatusCode, Json<Value>) {
    let now = Instant::now();
    asked.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert((now, now)).1 = now;
    let deletes = headers.get("x-amz-target").is_some_and(|target| target == "AmazonSQS.DeleteMessageBatch");
    let request: Option<Value> = serde_json::from_str(&body).ok().filter(|_| deletes);
    let Some(Value::Array(entries)) = request.map(|mut request| request["Entries"].take()) else {
        let why = json!({"__type": "com.amazonaws.sqs#InvalidAddress", "message": "only DeleteMessageBatch is served"});
        return (StatusCode::BAD_REQUEST, Json(why));
    };
    let deleted: Vec<Value> = entries.iter().map(|entry| json!({"Id": entry["Id"]})).collect();
    (StatusCode::OK, Json(json!({"Successful": deleted, "Failed": []})))
}
