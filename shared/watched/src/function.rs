//! Asks a database through a Lambda function that runs queries: `{"sql": …}` goes in, rows come back as JSON.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::invoke::InvokeError;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use domain::notification::truncate;
use serde_json::{Map, Value, json};

use crate::cells::{Cell, Rows};
use crate::failure::{Failure, FailureKind, Trouble};

/// A hundred rows of numbers take a few kilobytes; Lambda itself would pass on six megabytes.
const LONGEST_ANSWER: usize = 1024 * 1024;
/// How much of what a function says is repeated.
const LONGEST_QUOTE: usize = 300;

/// Asks one statement for its first rows, one more than `most` at most.
pub(crate) async fn ask(
    lambda: &Client,
    database: &str,
    function: &str,
    sql: &str,
    most: usize,
    limit: Duration,
) -> Result<Rows, Trouble> {
    let invoking = lambda
        .invoke()
        .function_name(function)
        .invocation_type(InvocationType::RequestResponse)
        .payload(Blob::new(json!({ "sql": sql }).to_string()))
        .send();
    let answer = match tokio::time::timeout(limit, invoking).await {
        Ok(answer) => answer.map_err(|err| not_invoked(database, function, &err))?,
        Err(_) => {
            let text = format!("function {function} did not answer within {limit:.1?}");
            return Err(Trouble::Question(Failure::late(FailureKind::Unavailable, text)));
        }
    };
    let payload = answer.payload.as_ref().map(AsRef::as_ref).unwrap_or_default();
    let rows = if answer.function_error.is_some() { Err(crashed(payload)) } else { rows(payload, most) };
    rows.map_err(|failure| {
        Trouble::Question(Failure { text: format!("function {function} {}", failure.text), ..failure })
    })
}

/// Why the function was not even run. Where it is gone, or we may not run it, the database is out of reach.
fn not_invoked(database: &str, function: &str, err: &SdkError<InvokeError>) -> Trouble {
    let said = match (err.code(), err.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => DisplayErrorContext(err).to_string(),
    };
    let what_to_do = match err.code() {
        Some("AccessDeniedException") => "; is its ARN in the parameter WatchedFunctionArns?",
        Some("ResourceNotFoundException") => "; `lambda` in the watch file names it",
        _ => "",
    };
    let text = format!("database {database}: function {function} could not be invoked: {said}{what_to_do}");
    match err {
        // What we sent is refused as such, as a statement that is too long: another may not be.
        SdkError::ServiceError(refused) if matches!(refused.raw().status().as_u16(), 400 | 413) => {
            Trouble::Question(Failure::refused(text))
        }
        _ => Trouble::Closed(Failure::new(FailureKind::Unavailable, text)),
    }
}

/// What a function said that ended with an error: `{"errorType", "errorMessage"}`.
fn crashed(payload: &[u8]) -> Failure {
    let said: Value = serde_json::from_slice(payload).unwrap_or_default();
    let message = match (said["errorType"].as_str(), said["errorMessage"].as_str()) {
        (Some(kind), Some(message)) => format!("{kind}: {message}"),
        (None, Some(message)) => message.to_owned(),
        _ => String::from_utf8_lossy(payload).into_owned(),
    };
    let text = format!("failed: {}", truncate(&message, LONGEST_QUOTE));
    Failure { timed_out: message.contains("Task timed out"), ..Failure::refused(text) }
}

/// The rows of `{"statusCode", "body": {"rows": […]}}`, where the body may be JSON in a text, and may stand alone.
fn rows(payload: &[u8], most: usize) -> Result<Rows, Failure> {
    if payload.len() > LONGEST_ANSWER {
        let length = payload.len();
        return Err(Failure::refused(format!("answered {length} bytes, expected at most {LONGEST_ANSWER}")));
    }
    let answer: Value = serde_json::from_slice(payload).map_err(|err| unreadable(payload, &err))?;
    let body = match answer.get("body") {
        Some(Value::String(text)) => serde_json::from_str(text).map_err(|err| unreadable(text.as_bytes(), &err))?,
        Some(body) => body.clone(),
        None => answer.clone(),
    };
    let status = status(answer.get("statusCode"))?;
    let error = body.get("error").filter(|error| says_something(error));
    if status >= 400.0 || error.is_some() {
        let said = error.unwrap_or(&body);
        let said = said.as_str().map_or_else(|| said.to_string(), str::to_owned);
        return Err(Failure::refused(format!("answered {status}: {}", truncate(&said, LONGEST_QUOTE))));
    }
    let Some(Value::Array(rows)) = body.get("rows") else {
        let body = body.to_string();
        let body = truncate(&body, LONGEST_QUOTE);
        return Err(Failure::refused(format!("answered {body}, expected {{\"rows\": [{{\"column\": value}}]}}")));
    };
    let rows: Vec<&Map<String, Value>> = rows
        .iter()
        .take(most + 1)
        .map(Value::as_object)
        .collect::<Option<_>>()
        .ok_or_else(|| Failure::refused("answered rows that are no objects, expected {\"column\": value}"))?;
    // Some leave out of a row what is NULL there.
    let columns: BTreeSet<&String> = rows.iter().flat_map(|row| row.keys()).collect();
    let cells = |row: &&Map<String, Value>| columns.iter().map(|name| cell(row.get(*name))).collect();
    let rows = rows.iter().map(cells).collect();
    Ok(Rows { columns: columns.into_iter().cloned().collect(), rows })
}

/// An HTTP status, as a number or a text; 200 where none is said.
fn status(said: Option<&Value>) -> Result<f64, Failure> {
    let number = match said {
        None | Some(Value::Null) => Some(200.0),
        Some(Value::String(text)) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        Some(said) => said.as_f64(),
    };
    let said = said.unwrap_or(&Value::Null);
    number.ok_or_else(|| {
        let said = said.to_string();
        Failure::refused(format!("answered the statusCode {}, expected a number", truncate(&said, LONGEST_QUOTE)))
    })
}

/// Whether an `error` is one: many functions always send the field.
fn says_something(error: &Value) -> bool {
    match error {
        Value::Null => false,
        Value::Bool(failed) => *failed,
        Value::Number(code) => code.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(errors) => !errors.is_empty(),
        Value::Object(error) => !error.is_empty(),
    }
}

fn cell(value: Option<&Value>) -> Cell {
    match value {
        None | Some(Value::Null) => Cell::Null,
        Some(Value::Number(number)) => number.as_f64().map_or_else(|| Cell::Written(number.to_string()), Cell::Number),
        Some(Value::String(text)) => Cell::Written(text.clone()),
        Some(Value::Bool(_)) => Cell::Other("boolean".to_owned()),
        Some(Value::Array(_)) => Cell::Other("array".to_owned()),
        Some(Value::Object(_)) => Cell::Other("object".to_owned()),
    }
}

fn unreadable(payload: &[u8], err: &serde_json::Error) -> Failure {
    let text = String::from_utf8_lossy(payload);
    Failure::refused(format!("answered `{}`, which is no JSON: {err}", truncate(&text, LONGEST_QUOTE)))
}

#[cfg(test)]
mod tests;
