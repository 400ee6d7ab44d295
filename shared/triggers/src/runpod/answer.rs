//! Reads what RunPod says of a job, in `/status`, `/cancel` and its completion webhook alike.

use jiff::SignedDuration;
use outbound::{Answer, Cause};
use serde::Deserialize;
use serde_json::Value;

use crate::Standing;

/// What RunPod says of a job. <https://docs.runpod.io/serverless/endpoints/job-states>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Said {
    /// Absent only in what is no answer of RunPod.
    pub(super) status: String,
    #[serde(default)]
    output: Value,
    #[serde(default)]
    error: Value,
    /// How long it waited for a worker, in milliseconds.
    delay_time: Option<u64>,
    /// How long the worker took, in milliseconds.
    execution_time: Option<u64>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// The id in the answer to `/run`.
pub(super) fn id(body: &str) -> Option<String> {
    serde_json::from_str(body).ok().map(|Named { id }| id).filter(|id| !id.is_empty())
}

/// How a job stands by an answer of the 200s.
pub(super) fn standing(answer: &Answer<'_>) -> Standing {
    let said: Said = match serde_json::from_str(&answer.body) {
        Ok(said) => said,
        Err(err) => {
            let text =
                format!("RunPod answered {}, and not with a job's status ({err}): {}", answer.status, answer.body);
            return Standing::Unknown(answer.quoted(&text));
        }
    };
    let text = format!("RunPod says `{}` of the job: expected one of {}", said.status, STATUSES.join(", "));
    said.standing(|text| answer.quoted(text)).unwrap_or_else(|| Standing::Unknown(answer.quoted(&text)))
}

/// The statuses there are; a job that a worker has is `RUNNING` in the list of states and `IN_PROGRESS` in answers.
pub(super) const STATUSES: [&str; 7] =
    ["IN_QUEUE", "IN_PROGRESS", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"];

impl Said {
    /// How the job stands; none where the status is none of [`STATUSES`]. `quote` makes a cause of what RunPod repeats.
    pub(super) fn standing(self, quote: impl FnOnce(&str) -> Cause) -> Option<Standing> {
        Some(match self.status.as_str() {
            "IN_QUEUE" => Standing::Queued,
            "IN_PROGRESS" | "RUNNING" => Standing::Running { waited: self.delay_time.and_then(millis) },
            "COMPLETED" => Standing::Succeeded { output: self.output, execution_ms: self.execution_time },
            "FAILED" => Standing::Failed(quote(&format!("RunPod says that the job failed: {}", self.why()))),
            "CANCELLED" => Standing::Cancelled,
            "TIMED_OUT" => Standing::TimedOut,
            _ => return None,
        })
    }

    /// Why it failed. RunPod's worker library puts JSON into the text `error`, with a traceback that says less than its
    /// `error_message`. <https://github.com/runpod/runpod-python/blob/main/runpod/serverless/modules/rp_job.py>
    fn why(&self) -> String {
        let error = if self.error.is_null() { &self.output["error"] } else { &self.error };
        let text = match error {
            Value::Null => return "it gives no reason; the endpoint's logs may".to_owned(),
            Value::String(text) => text.clone(),
            error => error.to_string(),
        };
        let parts: Value = serde_json::from_str(&text).unwrap_or_default();
        match (parts["error_type"].as_str(), parts["error_message"].as_str()) {
            (Some(kind), Some(message)) => format!("{kind}: {message}"),
            (None, Some(message)) => message.to_owned(),
            _ => text,
        }
    }
}

fn millis(count: u64) -> Option<SignedDuration> {
    i64::try_from(count).ok().map(SignedDuration::from_millis)
}
