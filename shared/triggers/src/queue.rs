//! Jobs as messages of an SQS queue, which a worker takes when it can.

use std::sync::OnceLock;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use outbound::Cause;
use serde_json::Value;

use crate::aws::{not_accepted, once, patience};
use crate::{Job, Started, Trigger};

/// What helps where the queue is not there, or is closed to us.
const WHAT_TO_DO: &str =
    "`queue` in the watch file names it, and the role must permit sqs:GetQueueUrl and sqs:SendMessage on it";

/// A queue of jobs.
#[derive(Clone, Debug)]
pub struct JobQueue {
    client: Client,
    /// Its URL, once it is known.
    url: OnceLock<String>,
    name: String,
    account: Option<String>,
}

impl JobQueue {
    /// The queue of this name, in this account, else our own. Where its URL is not given, the first start asks for it.
    pub fn named(client: Client, url: Option<&str>, name: &str, account: Option<&str>) -> Self {
        let url = url.map_or_else(OnceLock::new, |url| OnceLock::from(url.to_owned()));
        Self { client, url, name: name.to_owned(), account: account.map(str::to_owned) }
    }

    /// Its URL, or how a start ended that got no further. Asking for it starts nothing, so that it is never in doubt.
    async fn url(&self) -> Result<&str, Started> {
        if let Some(url) = self.url.get() {
            return Ok(url);
        }
        let ask = self.client.get_queue_url().queue_name(&self.name);
        let ask = ask.set_queue_owner_aws_account_id(self.account.clone());
        let config = aws_sdk_sqs::Config::builder().retry_config(once()).timeout_config(patience());
        let to = format!("SQS did not say where the queue {} is", self.name);
        let answer = ask.customize().config_override(config).send().await;
        let answer = answer.map_err(|err| match not_accepted(&err, &to, WHAT_TO_DO) {
            Started::Ambiguous(cause) => Started::Transient(cause),
            certain => certain,
        })?;
        match answer.queue_url {
            Some(url) => Ok(self.url.get_or_init(|| url)),
            None => Err(Started::Transient(Cause::plain(format!("{to}: its answer names no address")))),
        }
    }
}

#[async_trait]
impl Trigger for JobQueue {
    /// Sends the job's message. In a FIFO queue (its name ends in `.fifo`) the jobs of a source keep their order, and of two
    /// messages for one attempt within five minutes one is kept.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
    async fn start(&self, job: &Job<'_>) -> Started {
        let url = match self.url().await {
            Ok(url) => url,
            Err(nowhere) => return nowhere,
        };
        let mut send = self.client.send_message().queue_url(url).message_body(Value::Object(job.message()).to_string());
        if url.ends_with(".fifo") {
            let key = format!("{}-{}", job.run_id, job.attempt);
            send = send.message_group_id(group(job.source)).message_deduplication_id(key);
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
