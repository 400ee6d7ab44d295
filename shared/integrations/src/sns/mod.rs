//! An SNS topic of this stack: mail and whatever else is subscribed to it.

mod message;

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::config::timeout::TimeoutConfig;
use aws_sdk_sns::error::SdkError;
use aws_sdk_sns::operation::publish::PublishError;
use aws_sdk_sns::types::MessageAttributeValue;
use domain::Notification;
use outbound::Cause;
use outbound::aws::{self, Failed};

use crate::error::NotifyError;
use crate::{Notifier, Receipt};

/// A topic that does not even pick up is down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// One publish, whole.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);

/// A topic.
#[derive(Clone, Debug)]
pub struct Sns {
    client: Client,
    topic_arn: String,
}

impl Sns {
    /// A receiver that publishes to the topic of this ARN.
    pub fn new(client: Client, topic_arn: String) -> Self {
        Self { client, topic_arn }
    }
}

#[async_trait]
impl Notifier for Sns {
    /// Subscribers may filter by the attributes `severity`, `kind`, `notice` and `dedup_key`.
    async fn notify(&self, notification: &Notification, repeat: bool) -> Result<Receipt, NotifyError> {
        let timeouts =
            TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(TOTAL_TIMEOUT).build();
        // Tries are the delivery's own business: the client's would repeat a message without marking it.
        let once = aws_sdk_sns::Config::builder().retry_config(RetryConfig::disabled()).timeout_config(timeouts);
        let mut publish = self
            .client
            .publish()
            .topic_arn(&self.topic_arn)
            .subject(message::subject(notification, repeat)?)
            .message(message::text(notification, repeat)?);
        for (name, value) in message::attributes(notification) {
            // It can only fail for lack of the data type.
            if let Ok(value) = MessageAttributeValue::builder().data_type("String").string_value(value).build() {
                publish = publish.message_attributes(name, value);
            }
        }
        let answer = publish.customize().config_override(once).send().await.map_err(|err| classify(&err))?;
        Ok(Receipt { provider_id: answer.message_id, http_status: Some(200) })
    }
}

fn classify(err: &SdkError<PublishError>) -> NotifyError {
    let status = err.raw_response().map(|response| response.status().as_u16());
    let said = format!("SNS did not take the message: {}", aws::describe(err));
    let cause = Cause::quoting(status, &said, &[]);
    match aws::classify(err) {
        Failed::Throttled => NotifyError::RateLimited { cause, retry_after: None },
        Failed::Unreachable | Failed::Expired | Failed::Answered(408 | 500..) => NotifyError::Transient(cause),
        // It may have been published: nothing was heard, or SNS took it and its answer cannot be read.
        Failed::Lost | Failed::Answered(200..=299) => NotifyError::Ambiguous(cause),
        Failed::Unsent | Failed::Answered(_) => NotifyError::Permanent(cause),
    }
}
