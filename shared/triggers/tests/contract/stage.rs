//! A trigger of each kind, and a job to start.

use std::time::Duration;

use anyhow::Result;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use testkit::emulator::REGION;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use triggers::{Function, Http, Job, JobQueue, RunPod, Trigger};
use uuid::Uuid;

/// What must never show in an error.
pub(crate) const API_KEY: &str = "rpa_AP1KEY-DO-NOT-SHOW";
/// Part of the webhook's address; as secret as a password.
pub(crate) const WEBHOOK_TOKEN: &str = "T0KEN-DO-NOT-SHOW";
pub(crate) const WEBHOOK: &str = "https://hooks.example.com/runpod/T0KEN-DO-NOT-SHOW";
pub(crate) const RUN: &str = "01900000-0000-7000-8000-000000000001";
pub(crate) const ENDPOINT: &str = "gfs1234";
/// Longer than a local fake ever needs, shorter than anyone wants to wait.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    RunPod,
    JobQueue,
    Function,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::RunPod, Self::JobQueue, Self::Function];

    /// A trigger of this kind whose requests go to `base`.
    pub(crate) fn trigger(self, base: &str) -> Box<dyn Trigger> {
        match self {
            Self::RunPod => Box::new(runpod(base)),
            Self::JobQueue => {
                Box::new(JobQueue::named(sqs(base, "000000000000"), Some(&queue_url()), "nowcast-jobs", None))
            }
            Self::Function => Box::new(Function::new(lambda(base), "process-cycle")),
        }
    }
}

pub(crate) fn runpod(base: &str) -> RunPod {
    runpod_with(base, ENDPOINT, API_KEY, PATIENCE)
}

pub(crate) fn runpod_with(base: &str, endpoint: &str, api_key: &str, patience: Duration) -> RunPod {
    let http = Http::with_timeout(patience);
    RunPod::new(http, endpoint, api_key.into(), Some(base.to_owned()), Some(WEBHOOK.into()))
}

fn queue_url() -> String {
    format!("https://sqs.{REGION}.amazonaws.com/000000000000/nowcast-jobs")
}

pub(crate) fn sqs(endpoint: &str, account: &str) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(account, "test", None, None, "test"))
        .endpoint_url(endpoint)
        .build();
    aws_sdk_sqs::Client::from_conf(config)
}

fn lambda(endpoint: &str) -> aws_sdk_lambda::Client {
    let config = aws_sdk_lambda::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("000000000000", "test", None, None, "test"))
        .endpoint_url(endpoint)
        .build();
    aws_sdk_lambda::Client::from_conf(config)
}

/// What a job is made of.
pub(crate) struct Parts {
    input: Map<String, Value>,
    objects: Map<String, Value>,
}

pub(crate) fn parts() -> Parts {
    let object = |value: Value| value.as_object().cloned().expect("an object");
    Parts {
        input: object(json!({"model": "medium"})),
        objects: object(json!({"bucket": "noaa-gfs-bdp-pds", "prefix": "gfs.20261122/06/"})),
    }
}

impl Parts {
    pub(crate) fn job(&self, attempt: u32) -> Job<'_> {
        Job {
            run_id: RUN.parse::<Uuid>().expect("a UUID"),
            attempt,
            source: "gfs",
            run_timestamp: at("2026-11-22T06:00:00Z"),
            input: &self.input,
            objects: &self.objects,
            execution_limit: SignedDuration::from_mins(120),
            ttl: SignedDuration::from_mins(150),
        }
    }
}

/// What a worker reads of it.
pub(crate) fn message(attempt: u32) -> Value {
    json!({
        "model": "medium", "bucket": "noaa-gfs-bdp-pds", "prefix": "gfs.20261122/06/",
        "run_id": RUN, "attempt": attempt, "source": "gfs", "run_timestamp": "2026-11-22T06:00:00Z",
    })
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// A server that reads one request and answers it with the given status line and body.
pub(crate) async fn canned(status: &'static str, body: String) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        // Requests here are small, so their beginning is nearly all of them; what follows is of no interest.
        let _read = stream.read(&mut vec![0; 65_536]).await?;
        let length = body.len();
        stream
            .write_all(
                format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").as_bytes(),
            )
            .await
    });
    Ok(format!("http://{address}"))
}

/// Whether a text gives a secret away.
pub(crate) fn tells(shown: &str) -> bool {
    [API_KEY, WEBHOOK_TOKEN].iter().any(|secret| shown.contains(secret))
}
