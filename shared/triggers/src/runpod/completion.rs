//! Reads what RunPod posts to a job's webhook when the job has ended; it reaches us as a message of a queue.
//!
//! It says what `/status` would, and a success does not wait for anybody to ask.
//! <https://docs.runpod.io/serverless/endpoints/send-requests#webhook-notifications>

use outbound::Cause;
use secrecy::SecretString;
use serde_json::Value;
use uuid::Uuid;

use super::answer::{STATUSES, Said};
use crate::Standing;

/// What RunPod says of a job unasked.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// What RunPod calls the job.
    pub external_id: String,
    /// The run, where the job's input is repeated.
    pub run_id: Option<Uuid>,
    /// The attempt, where the job's input is repeated.
    pub attempt: Option<u32>,
    /// How the job stands.
    pub standing: Standing,
}

/// A message that is no completion. Nothing of it is repeated but the field in question: it may name the webhook.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a completion of a RunPod job: {0}; expected {{\"id\", \"status\", \"output\"}} as RunPod posts it to a webhook"
)]
pub struct BadCompletion(String);

impl Completion {
    /// Reads a message. A job may say anything of why it failed, also with the secrets that began it.
    ///
    /// # Errors
    /// When it is of another shape; the message is somebody else's, or RunPod has changed.
    pub fn parse(body: &str, secrets: &[&SecretString]) -> Result<Self, BadCompletion> {
        let bad = |what: String| Err(BadCompletion(what));
        let said: Value = match serde_json::from_str(body) {
            Ok(said) => said,
            Err(err) => return bad(format!("it is no JSON ({err})")),
        };
        if !said.is_object() {
            return bad("it is no object".to_owned());
        }
        let Some(external_id) = said["id"].as_str().filter(|id| !id.is_empty()) else {
            return bad(format!("`id` is {}, not a text", shown(&said["id"])));
        };
        let (external_id, run_id, attempt) =
            (external_id.to_owned(), run_id(&said["input"])?, attempt(&said["input"])?);
        let status = shown(&said["status"]);
        let read: Said = match serde_json::from_value(said) {
            Ok(read) => read,
            Err(err) => return bad(format!("`status` is {status}, or a time is no number ({err})")),
        };
        let Some(standing) = read.standing(|text| Cause::quoting(None, text, secrets)) else {
            return bad(format!("`status` is {status}, none of {}", STATUSES.join(", ")));
        };
        Ok(Self { external_id, run_id, attempt, standing })
    }
}

fn run_id(input: &Value) -> Result<Option<Uuid>, BadCompletion> {
    match &input["run_id"] {
        Value::Null => Ok(None),
        found => found
            .as_str()
            .and_then(|text| text.parse().ok())
            .map(Some)
            .ok_or_else(|| BadCompletion(format!("`input.run_id` is {}, not a UUID", shown(found)))),
    }
}

fn attempt(input: &Value) -> Result<Option<u32>, BadCompletion> {
    match &input["attempt"] {
        Value::Null => Ok(None),
        found => found
            .as_u64()
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| *number > 0)
            .map(Some)
            .ok_or_else(|| BadCompletion(format!("`input.attempt` is {}, not a number from 1", shown(found)))),
    }
}

/// A field's value, for people.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "missing".to_owned(),
        value => domain::notification::truncate(&value.to_string(), 60),
    }
}

#[cfg(test)]
mod tests;
