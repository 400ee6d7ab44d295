//! RunPod serverless: jobs of an endpoint with a queue, which are asked about and cancelled by id.
//!
//! What is relied upon stands in <https://docs.runpod.io/serverless/endpoints/send-requests>: `POST /run` answers at once
//! with the job's id; requests above the limits (1,000 `/run` per 10 s, 2,000 `/status`, 100 `/cancel`, each per endpoint)
//! and above the length of the queue get 429; a body of `/run` has 10 MB at most; what came of a job is kept for 30 minutes
//! after its end. There is no key by which RunPod would know a repeated request, so that a start is sent once.

mod answer;
mod completion;
mod policy;

use async_trait::async_trait;
use outbound::{Answer, Cause, Http, Method, NoAnswer, Request};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Cancelled, Follow, Job, Standing, Started, Trigger};
pub use completion::{BadCompletion, Completion};
pub use policy::{BadPolicy, Policy};

/// Where RunPod answers unless the watch file says otherwise.
pub const DEFAULT_URL: &str = "https://api.runpod.ai";
/// A job's output and what is around it. RunPod says how large an input may be (10 MB), not how large an output: what is
/// larger than this belongs into a bucket, and such a job cannot be asked about. Bytes.
const LONGEST_ANSWER: usize = 11 * 1024 * 1024;

/// An endpoint of RunPod.
#[derive(Debug)]
pub struct RunPod {
    http: Http,
    endpoint: String,
    api_key: SecretString,
    url: Option<String>,
    webhook: Option<SecretString>,
}

/// The body of `/run`.
#[derive(Serialize)]
struct Run<'a> {
    input: Map<String, Value>,
    policy: Policy,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook: Option<&'a str>,
}

impl RunPod {
    /// The endpoint of this id. RunPod tells `webhook` when a job has ended, and is found at `url` (else [`DEFAULT_URL`]).
    pub fn new(
        http: Http,
        endpoint: impl Into<String>,
        api_key: SecretString,
        url: Option<String>,
        webhook: Option<SecretString>,
    ) -> Self {
        Self { http, endpoint: endpoint.into(), api_key, url, webhook }
    }

    fn body(&self, job: &Job<'_>) -> Result<Vec<u8>, Cause> {
        let policy = Policy::new(job.execution_limit, job.ttl).map_err(|err| Cause::plain(err.to_string()))?;
        let webhook = self.webhook.as_ref().map(ExposeSecret::expose_secret);
        serde_json::to_vec(&Run { input: job.message(), policy, webhook })
            .map_err(|err| Cause::plain(format!("the job could not be written as JSON: {err}")))
    }

    /// `/v2/ENDPOINT/OPERATION`, or why there is no such address.
    fn operation(&self, operation: &str) -> Result<SecretString, Cause> {
        if !is_plain(&self.endpoint) {
            let text = "`endpoint` of the RunPod trigger is no endpoint's id: expected letters and digits, as RunPod's console \
                        shows them; set it in the watch file";
            return Err(Cause::plain(text));
        }
        let base = self.url.as_deref().unwrap_or(DEFAULT_URL).trim_end_matches('/');
        Ok(format!("{base}/v2/{}/{operation}", self.endpoint).into())
    }

    /// The address at which a job is asked about or cancelled.
    fn of_job(&self, operation: &str, external_id: &str) -> Result<SecretString, Cause> {
        if !is_plain(external_id) {
            let shown = domain::notification::truncate(external_id, 60);
            let text = format!("`{shown}` is no id of a RunPod job: expected letters, digits and hyphens");
            return Err(Cause::plain(text));
        }
        self.operation(&format!("{operation}/{external_id}"))
    }

    /// One request, whatever comes of it; `secrets` has room for what must not be repeated.
    async fn call<'a>(
        &'a self,
        method: Method,
        url: &'a SecretString,
        body: Option<Vec<u8>>,
        secrets: &'a [&'a SecretString],
    ) -> Result<Answer<'a>, NoAnswer> {
        let headers = vec![("authorization", format!("Bearer {}", self.api_key.expose_secret()).into())];
        let longest_answer = LONGEST_ANSWER;
        self.http.send(Request { to: "RunPod", method, url, headers, body, secrets, longest_answer }).await
    }

    fn secrets(&self) -> Vec<&SecretString> {
        [&self.api_key].into_iter().chain(&self.webhook).collect()
    }
}

/// Whether a text is one segment of a path whatever is around it.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// An answer that is no acceptance, with what helps against it. What is quoted comes last: it may be long, and is cut.
fn refusal(answer: &Answer<'_>) -> Cause {
    let advice = match answer.status {
        401 | 403 => {
            ": it does not take the key of `api_key`; put one that may use this endpoint into the secret it names"
        }
        402 => ": the account has run out of credit",
        404 => {
            ": it knows no such thing; `endpoint` in the watch file must be the id of one of the account's endpoints"
        }
        413 => ": the job's input is too large; pass large data through a bucket",
        _ => "",
    };
    answer.quoted(&format!("RunPod answered {}{advice}: {}", answer.status, answer.body))
}

#[async_trait]
impl Trigger for RunPod {
    async fn start(&self, job: &Job<'_>) -> Started {
        let (url, body) = match (self.operation("run"), self.body(job)) {
            (Ok(url), Ok(body)) => (url, body),
            (Err(cause), _) | (_, Err(cause)) => return Started::Permanent(cause),
        };
        let secrets = self.secrets();
        let answer = match self.call(Method::POST, &url, Some(body), &secrets).await {
            Ok(answer) => answer,
            Err(none) => return none.into(),
        };
        if !answer.is_success() {
            return Started::refused(answer.status, answer.retry_after, refusal(&answer));
        }
        match answer::id(&answer.body) {
            Some(id) => Started::Accepted { external_id: Some(id) },
            // Something answered, and perhaps not RunPod; or its answer was cut.
            None => Started::Ambiguous(answer.quoted(&format!(
                "RunPod answered {} and named no job (expected {{\"id\", \"status\"}}): {}",
                answer.status, answer.body
            ))),
        }
    }

    fn follow(&self) -> Option<&dyn Follow> {
        Some(self)
    }
}

#[async_trait]
impl Follow for RunPod {
    async fn ask(&self, external_id: &str) -> Standing {
        let url = match self.of_job("status", external_id) {
            Ok(url) => url,
            Err(cause) => return Standing::Unknown(cause),
        };
        let secrets = self.secrets();
        match self.call(Method::GET, &url, None, &secrets).await {
            Ok(answer) if answer.is_success() => answer::standing(&answer),
            Ok(answer) if answer.status == 404 => Standing::Forgotten(answer.cause()),
            Ok(answer) => Standing::Unknown(refusal(&answer)),
            Err(none) => Standing::Unknown(none.into_cause()),
        }
    }

    async fn cancel(&self, external_id: &str) -> Cancelled {
        let url = match self.of_job("cancel", external_id) {
            Ok(url) => url,
            Err(cause) => return Cancelled::Unknown(cause),
        };
        let secrets = self.secrets();
        let answer = match self.call(Method::POST, &url, None, &secrets).await {
            Ok(answer) if answer.is_success() => answer,
            Ok(answer) if answer.status == 404 => return Cancelled::Unknown(answer.cause()),
            Ok(answer) => return Cancelled::Unknown(refusal(&answer)),
            Err(none) => return Cancelled::Unknown(none.into_cause()),
        };
        match answer::standing(&answer) {
            Standing::Cancelled => Cancelled::Cancelled,
            over if over.is_over() => Cancelled::AlreadyOver(over),
            _ => Cancelled::Unknown(answer.cause()),
        }
    }
}
