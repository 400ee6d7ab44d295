//! Jobs as messages of an SQS queue, which a worker takes when it can.

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use serde_json::Value;

use crate::aws::{not_accepted, once, patience};
use crate::{Job, Started, Trigger};

/// What helps where the queue is not there, or is closed to us.
const WHAT_TO_DO: &str = "`queue` in the watch file names it, and the role must permit sqs:SendMessage on it";

/// A queue of jobs.
#[derive(Clone, Debug)]
pub struct JobQueue {
    client: Client,
    url: String,
}

impl JobQueue {
    /// The queue at this URL.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }
}

#[async_trait]
impl Trigger for JobQueue {
    /// Sends the job's message. In a FIFO queue (its name ends in `.fifo`) the jobs of a source keep their order, and of two
    /// messages for one attempt within five minutes one is kept.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
    async fn start(&self, job: &Job<'_>) -> Started {
        let mut send =
            self.client.send_message().queue_url(&self.url).message_body(Value::Object(job.message()).to_string());
        if self.url.ends_with(".fifo") {
            send = send
                .message_group_id(group(job.source))
                .message_deduplication_id(format!("{}-{}", job.run_id, job.attempt));
        }
        let config = aws_sdk_sqs::Config::builder().retry_config(once()).timeout_config(patience());
        match send.customize().config_override(config).send().await {
            Ok(answer) => Started::Accepted { external_id: answer.message_id },
            Err(err) => not_accepted(&err, "SQS did not take the job", WHAT_TO_DO),
        }
    }
}

/// A source's name as the name of a group: at most 128 letters, digits and punctuation, all ASCII.
fn group(source: &str) -> String {
    source.chars().take(128).map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect()
}
