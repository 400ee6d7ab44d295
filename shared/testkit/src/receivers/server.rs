//! What the fake receivers answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Answered, Behaviour, Cut, INTEGRATIONS, Log, PAGERDUTY, Received, SLACK, TELEGRAM, lock};
use crate::pagerduty::Incident;
use crate::serve::{self, HangUp};
use crate::{slack, telegram};

/// More than any real receiver takes, so that the fake ones can say no themselves.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

type Shared = Arc<Mutex<Log>>;

pub(super) fn routes(log: Shared) -> Router {
    Router::new()
        .route("/received", get(list_received).delete(forget_received))
        .route("/behave", post(behave).delete(behave_normally))
        .route("/pagerduty/incidents", get(list_incidents).delete(forget_incidents))
        .fallback(receive)
        .with_state(log)
}

async fn list_received(State(log): State<Shared>) -> Json<Vec<Received>> {
    Json(lock(&log).received.clone())
}

async fn forget_received(State(log): State<Shared>) -> StatusCode {
    lock(&log).received.clear();
    StatusCode::NO_CONTENT
}

/// Whatever content type the caller gives, or none: tests are written with all sorts of clients.
async fn behave(State(log): State<Shared>, body: String) -> Response {
    let behaviour: Behaviour = match serde_json::from_str(&body) {
        Ok(behaviour) => behaviour,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("no behaviour: {error}")).into_response(),
    };
    let known = || INTEGRATIONS.iter().map(|(_, name)| *name);
    if !known().any(|name| name == behaviour.integration) {
        let known: Vec<_> = known().collect();
        let message = format!("no integration {:?} here; there are {}", behaviour.integration, known.join(", "));
        return (StatusCode::BAD_REQUEST, message).into_response();
    }
    lock(&log).behaviours.push(behaviour);
    StatusCode::NO_CONTENT.into_response()
}

async fn behave_normally(State(log): State<Shared>) -> StatusCode {
    lock(&log).behaviours.clear();
    StatusCode::NO_CONTENT
}

async fn list_incidents(State(log): State<Shared>) -> Json<Vec<Incident>> {
    Json(lock(&log).pagerduty.incidents())
}

async fn forget_incidents(State(log): State<Shared>) -> StatusCode {
    lock(&log).pagerduty.clear();
    StatusCode::NO_CONTENT
}

/// Receives one notice: remember it, let it take effect unless told otherwise, answer.
async fn receive(State(log): State<Shared>, uri: Uri, headers: HeaderMap, body: Body) -> Response {
    let Some((_, integration)) = INTEGRATIONS.iter().find(|(prefix, _)| uri.path().starts_with(prefix)) else {
        return (StatusCode::NOT_FOUND, format!("no receiver answers at {}", uri.path())).into_response();
    };
    // A sender that stopped half-way sent nothing.
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return HangUp.into_response();
    };
    #[expect(clippy::disallowed_methods, reason = "when a request arrived is a fact of this server, not a decision")]
    let at = Timestamp::now();
    let json = serde_json::from_slice(&body).unwrap_or(Value::Null);

    let (response, delay) = {
        let mut log = lock(&log);
        let told = log.behaviours.take(integration).unwrap_or_default();
        let asked = Asked { path: uri.path(), size: body.len(), json: &json, at };
        let response = respond(&mut log, integration, &told, &asked);
        let hangs_up = serve::hangs_up(&response);
        log.last_n += 1;
        let received = Received {
            n: log.last_n,
            integration,
            path: uri.to_string(),
            headers: readable(&headers),
            body: String::from_utf8_lossy(&body).into_owned(),
            json,
            answered: if hangs_up { Answered::Cut } else { Answered::Status(response.status().as_u16()) },
            at,
        };
        log.received.push(received);
        (response, told.delay_ms)
    };
    if let Some(delay) = delay {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    response
}

/// A request, as far as its receiver looks at it.
struct Asked<'a> {
    path: &'a str,
    size: usize,
    json: &'a Value,
    at: Timestamp,
}

/// Lets a request take effect, or not, and says what its sender hears.
fn respond(log: &mut Log, integration: &str, told: &Behaviour, asked: &Asked<'_>) -> Response {
    if told.cut == Some(Cut::Before) {
        return HangUp.into_response();
    }
    let mut response = match told.status.filter(|status| *status >= 300) {
        Some(status) => refuse(integration, status, told),
        None => accept_or_not(log, integration, asked),
    };
    if told.cut == Some(Cut::After) {
        return HangUp.into_response();
    }
    if let Some(status) = told.status.and_then(|status| StatusCode::from_u16(status).ok()) {
        *response.status_mut() = status;
    }
    for (name, value) in &told.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn accept_or_not(log: &mut Log, integration: &str, asked: &Asked<'_>) -> Response {
    match integration {
        PAGERDUTY => {
            let (status, answer) = log.pagerduty.enqueue(asked.size, asked.json, asked.at);
            (status, Json(answer)).into_response()
        }
        SLACK => slack::post(asked.json).into_response(),
        TELEGRAM => {
            let (status, answer) = telegram::send_message(asked.path, asked.json, log.last_n + 1);
            (status, Json(answer)).into_response()
        }
        _ => Json(json!({"status": "ok"})).into_response(),
    }
}

/// Says no in the words of the integration; the status is set by whoever told it to.
fn refuse(integration: &str, status: u16, told: &Behaviour) -> Response {
    match integration {
        SLACK => slack::words_of(status).into_response(),
        TELEGRAM => Json(telegram::answer_of(status, &told.headers)).into_response(),
        _ => Json(json!({"status": "error", "message": "told to refuse"})).into_response(),
    }
}

fn readable(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut readable: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        readable
            .entry(name.as_str().to_owned())
            .and_modify(|before| {
                before.push_str(", ");
                before.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    readable
}
