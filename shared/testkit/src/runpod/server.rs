//! What the fake RunPod answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Account, Asked, Job, Status, Webhook, lock};
use crate::receivers::{Behaviour, Cut};
use crate::serve::HangUp;

/// "`/run` requests have a maximum payload size of 10 MB."
const LARGEST_BODY: usize = 10_000_000;
/// What can be misbehaved about.
const OPERATIONS: [&str; 3] = ["run", "status", "cancel"];

type Shared = Arc<Mutex<Account>>;

pub(super) fn routes(account: Shared) -> Router {
    Router::new()
        .route("/v2/{endpoint}/run", any(run))
        .route("/v2/{endpoint}/{operation}/{id}", any(of_job))
        .route("/jobs", get(list_jobs))
        .route("/jobs/{id}", post(work))
        .route("/webhooks", get(list_webhooks))
        .route("/clock", post(set_clock))
        .route("/behave", post(behave).delete(behave_normally))
        .layer(DefaultBodyLimit::max(4 * LARGEST_BODY))
        .with_state(account)
}

async fn run(
    State(account): State<Shared>,
    Path(endpoint): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    operate(&account, &Call { endpoint, operation: "run".to_owned(), id: String::new(), method, uri, headers, body })
        .await
}

async fn of_job(
    State(account): State<Shared>,
    Path((endpoint, operation, id)): Path<(String, String, String)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    operate(&account, &Call { endpoint, operation, id, method, uri, headers, body }).await
}

/// A request to an endpoint.
struct Call {
    endpoint: String,
    operation: String,
    id: String,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
}

/// Lets a request take effect, or not, and says what its sender hears.
async fn operate(account: &Shared, call: &Call) -> Response {
    let (response, delay) = {
        let mut account = lock(account);
        account.asked.push(Asked { method: call.method.to_string(), path: call.uri.path().to_owned() });
        let told = account.behaviours.take(&call.operation).unwrap_or_default();
        (respond(&mut account, &told, call), told.delay_ms)
    };
    if let Some(delay) = delay {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    response
}

fn respond(account: &mut Account, told: &Behaviour, call: &Call) -> Response {
    let failing = told.status.filter(|status| *status >= 300).and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = match (told.cut, failing) {
        (Some(Cut::Before), _) => return HangUp.into_response(),
        (None, Some(status)) => refused(status, "told to refuse"),
        _ => answer(account, call),
    };
    match (told.cut, failing) {
        (Some(Cut::After), Some(status)) => response = refused(status, "told to fail after it took effect"),
        (Some(Cut::After), None) => return HangUp.into_response(),
        _ => {}
    }
    for (name, value) in &told.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn answer(account: &mut Account, call: &Call) -> Response {
    let bearer = format!("Bearer {}", account.api_key);
    if call.headers.get("authorization").is_none_or(|given| given.as_bytes() != bearer.as_bytes()) {
        return refused(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    if !account.endpoints.contains(&call.endpoint) {
        return refused(StatusCode::NOT_FOUND, "endpoint not found");
    }
    let said = match (call.operation.as_str(), &call.method) {
        ("run", &Method::POST) => return taken(account, call),
        ("status", &Method::GET) => account.jobs.status(&call.endpoint, &call.id),
        ("cancel", &Method::POST) => account.jobs.cancel(&call.endpoint, &call.id),
        _ => return refused(StatusCode::METHOD_NOT_ALLOWED, "method not allowed"),
    };
    match said {
        Some(said) => Json(said).into_response(),
        None => refused(StatusCode::NOT_FOUND, "request does not exist"),
    }
}

fn taken(account: &mut Account, call: &Call) -> Response {
    if call.body.len() > LARGEST_BODY {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, "request body too large");
    }
    let asked: Value = serde_json::from_str(&call.body).unwrap_or_default();
    match account.jobs.take(&call.endpoint, &asked) {
        Ok(said) => Json(said).into_response(),
        Err(why) => refused(StatusCode::BAD_REQUEST, &why),
    }
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({"error": why}))).into_response()
}

async fn list_jobs(State(account): State<Shared>) -> Json<Vec<Job>> {
    Json(lock(&account).jobs.all().to_vec())
}

async fn list_webhooks(State(account): State<Shared>) -> Json<Vec<Webhook>> {
    Json(lock(&account).jobs.webhooks().to_vec())
}

/// What a worker does.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Work {
    Begin(bool),
    Complete(Value),
    Fail(Value),
}

/// 204 where the job was there to be worked on, else 409.
async fn work(State(account): State<Shared>, Path(id): Path<String>, body: String) -> Response {
    let work: Work = match serde_json::from_str(&body) {
        Ok(work) => work,
        Err(err) => return refused(StatusCode::BAD_REQUEST, &format!("no work: {err}")),
    };
    let jobs = &mut lock(&account).jobs;
    let done = match work {
        Work::Begin(begins) => begins && jobs.begin(&id),
        Work::Complete(output) => jobs.end(&id, Status::Completed, output, Value::Null),
        Work::Fail(error) => jobs.end(&id, Status::Failed, Value::Null, error),
    };
    if done { StatusCode::NO_CONTENT } else { StatusCode::CONFLICT }.into_response()
}

#[derive(Deserialize)]
struct Clock {
    now: Timestamp,
}

async fn set_clock(State(account): State<Shared>, body: String) -> Response {
    match serde_json::from_str(&body) {
        Ok(Clock { now }) => lock(&account).jobs.set_clock(now),
        Err(err) => return refused(StatusCode::BAD_REQUEST, &format!("no time: {err}")),
    }
    StatusCode::NO_CONTENT.into_response()
}

async fn behave(State(account): State<Shared>, body: String) -> Response {
    let behaviour: Behaviour = match serde_json::from_str(&body) {
        Ok(behaviour) => behaviour,
        Err(err) => return refused(StatusCode::BAD_REQUEST, &format!("no behaviour: {err}")),
    };
    if !OPERATIONS.contains(&behaviour.integration.as_str()) {
        let known = OPERATIONS.join(", ");
        let why = format!("no operation {:?} here; there are {known}", behaviour.integration);
        return refused(StatusCode::BAD_REQUEST, &why);
    }
    lock(&account).behaviours.push(behaviour);
    StatusCode::NO_CONTENT.into_response()
}

async fn behave_normally(State(account): State<Shared>) -> StatusCode {
    lock(&account).behaviours.clear();
    StatusCode::NO_CONTENT
}
