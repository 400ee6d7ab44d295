//! The fake RunPod's jobs: how they stand by the clock it is given.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// "Job results are available for 30 minutes after completion."
const KEPT: SignedDuration = SignedDuration::from_mins(30);
/// What a job may have that brings no policy, in milliseconds.
const USUAL_EXECUTION: i64 = 600_000;
const USUAL_TTL: i64 = 86_400_000;
const WEEK: i64 = 7 * 86_400_000;

/// How a job stands, in RunPod's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Nobody works on it yet.
    InQueue,
    /// A worker has it.
    InProgress,
    /// It ended well.
    Completed,
    /// It ended badly.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// It ran too long.
    TimedOut,
}

/// A job that was taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Job {
    /// RunPod's name for it.
    pub id: String,
    /// Whose it is.
    pub endpoint: String,
    /// What its worker reads.
    pub input: Value,
    /// How it stands, or stood when it was forgotten.
    pub status: Status,
    /// RunPod answers 404 about it.
    pub forgotten: bool,
    /// What it made.
    pub output: Value,
    /// Why it failed.
    pub error: Value,
    /// When it was taken.
    pub created_at: Timestamp,
    /// When a worker took it.
    pub began_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How long it may run.
    pub execution_timeout_ms: i64,
    /// How long it may exist.
    pub ttl_ms: i64,
    /// Who is to be told of its end.
    pub webhook: Option<String>,
}

/// What is posted when a job has ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Webhook {
    /// Where to.
    pub url: String,
    /// What `/status` would say, and the job's input.
    pub body: Value,
}

#[derive(Debug)]
pub(super) struct Jobs {
    now: Timestamp,
    all: Vec<Job>,
    webhooks: Vec<Webhook>,
}

impl Jobs {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { now, all: Vec::new(), webhooks: Vec::new() }
    }

    pub(super) fn all(&self) -> &[Job] {
        &self.all
    }

    pub(super) fn webhooks(&self) -> &[Webhook] {
        &self.webhooks
    }

    /// Takes a job, or says what is wrong with it.
    pub(super) fn take(&mut self, endpoint: &str, asked: &Value) -> Result<Value, String> {
        if !asked["input"].is_object() {
            return Err("input is required and must be an object".to_owned());
        }
        let policy = |name: &str, usual: i64, range: std::ops::RangeInclusive<i64>| match &asked["policy"][name] {
            Value::Null => Ok(usual),
            given => {
                let fits = given.as_i64().filter(|millis| range.contains(millis));
                fits.ok_or_else(|| format!("policy.{name} must be from {} to {}", range.start(), range.end()))
            }
        };
        let job = Job {
            id: format!("{}-u1", Uuid::now_v7()),
            endpoint: endpoint.to_owned(),
            input: asked["input"].clone(),
            status: Status::InQueue,
            forgotten: false,
            output: Value::Null,
            error: Value::Null,
            created_at: self.now,
            began_at: None,
            ended_at: None,
            execution_timeout_ms: policy("executionTimeout", USUAL_EXECUTION, 5_001..=WEEK)?,
            ttl_ms: policy("ttl", USUAL_TTL, 10_000..=WEEK)?,
            webhook: asked["webhook"].as_str().map(str::to_owned),
        };
        let answer = json!({"id": job.id, "status": job.status});
        self.all.push(job);
        Ok(answer)
    }

    /// What `/status` says; nothing of a job that is not known, or not any more.
    pub(super) fn status(&self, endpoint: &str, id: &str) -> Option<Value> {
        self.all.iter().find(|job| job.id == id && job.endpoint == endpoint && !job.forgotten).map(Job::said)
    }

    /// Cancels a job that is under way. RunPod's documentation does not say what becomes of the request where the job has
    /// ended; here the answer says how.
    pub(super) fn cancel(&mut self, endpoint: &str, id: &str) -> Option<Value> {
        self.status(endpoint, id)?;
        self.end(id, Status::Cancelled, Value::Null, Value::Null);
        self.status(endpoint, id).map(|said| json!({"id": said["id"], "status": said["status"]}))
    }

    pub(super) fn begin(&mut self, id: &str) -> bool {
        let now = self.now;
        let job = self.all.iter_mut().find(|job| job.id == id && job.status == Status::InQueue && !job.forgotten);
        job.is_some_and(|job| {
            (job.status, job.began_at) = (Status::InProgress, Some(now));
            true
        })
    }

    pub(super) fn end(&mut self, id: &str, status: Status, output: Value, error: Value) -> bool {
        let now = self.now;
        let Some(job) = self.all.iter_mut().find(|job| job.id == id && job.is_under_way()) else { return false };
        (job.output, job.error) = (output, error);
        self.webhooks.extend(job.ended(status, now));
        true
    }

    pub(super) fn set_clock(&mut self, now: Timestamp) {
        self.now = now;
        for job in &mut self.all {
            let deleted_at = job.created_at + SignedDuration::from_millis(job.ttl_ms);
            let times_out_at = job.began_at.map(|began| began + SignedDuration::from_millis(job.execution_timeout_ms));
            if let Some(at) = times_out_at.filter(|at| *at <= now && *at <= deleted_at && job.is_under_way()) {
                self.webhooks.extend(job.ended(Status::TimedOut, at));
            }
            let over = job.ended_at.is_some_and(|ended| ended + KEPT <= now);
            // Whatever becomes of a job within its time to live, RunPod deletes it afterwards.
            let expired = job.ended_at.is_none() && deleted_at <= now;
            job.forgotten |= over || expired;
        }
    }
}

impl Job {
    fn is_under_way(&self) -> bool {
        self.ended_at.is_none() && !self.forgotten
    }

    fn ended(&mut self, status: Status, at: Timestamp) -> Option<Webhook> {
        (self.status, self.ended_at) = (status, Some(at));
        let mut body = self.said();
        body["input"] = self.input.clone();
        self.webhook.clone().map(|url| Webhook { url, body })
    }

    fn said(&self) -> Value {
        let millis = |from: Timestamp, to: Timestamp| i64::try_from(to.duration_since(from).as_millis()).ok();
        let mut said = json!({"id": self.id, "status": self.status});
        let times: [(&str, Option<i64>); 2] = [
            ("delayTime", self.began_at.and_then(|began| millis(self.created_at, began))),
            ("executionTime", self.began_at.zip(self.ended_at).and_then(|(began, ended)| millis(began, ended))),
        ];
        let values = times.into_iter().filter_map(|(name, time)| Some((name, json!(time?))));
        let texts = [("output", self.output.clone()), ("error", self.error.clone())];
        for (name, value) in values.chain(texts.into_iter().filter(|(_, value)| !value.is_null())) {
            said[name] = value;
        }
        said
    }
}
