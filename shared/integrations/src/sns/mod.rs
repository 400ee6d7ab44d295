//! An SNS topic of this stack: mail and whatever else is subscribed to it.

mod message;

use std::error::Error;
use std::io;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::config::timeout::TimeoutConfig;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::publish::PublishError;
use aws_sdk_sns::types::MessageAttributeValue;
use domain::Notification;

use crate::error::{Cause, NotifyError};
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

/// Codes by which AWS asks to slow down. <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>
const THROTTLES: [&str; 6] = [
    "Throttling",
    "ThrottlingException",
    "Throttled",
    "ThrottledException",
    "TooManyRequestsException",
    "KMSThrottling",
];
/// Codes that fresh credentials cure.
const EXPIRED: [&str; 3] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired"];

fn classify(err: &SdkError<PublishError>) -> NotifyError {
    let status = err.raw_response().map(|response| response.status().as_u16());
    let cause = || Cause::quoting(status, &format!("SNS did not take the message: {}", describe(err)), &[]);
    match err {
        SdkError::ConstructionFailure(_) => NotifyError::Permanent(cause()),
        SdkError::DispatchFailure(failure)
            if failure.as_connector_error().is_some_and(|err| failed_to_connect(err)) =>
        {
            NotifyError::Transient(cause())
        }
        SdkError::ServiceError(_) => match (err.code().unwrap_or_default(), status.unwrap_or_default()) {
            (code, _) if THROTTLES.contains(&code) => NotifyError::RateLimited { cause: cause(), retry_after: None },
            (_, 429) => NotifyError::RateLimited { cause: cause(), retry_after: None },
            (code, _) if EXPIRED.contains(&code) => NotifyError::Transient(cause()),
            (_, 408 | 500..) => NotifyError::Transient(cause()),
            _ => NotifyError::Permanent(cause()),
        },
        // A timeout, a connection that broke, an answer that makes no sense: it may have been published.
        _ => NotifyError::Ambiguous(cause()),
    }
}

/// The service's own words where it spoke, else the chain of errors.
fn describe(err: &SdkError<PublishError>) -> String {
    match (err.code(), err.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => sources(err).map(ToString::to_string).collect::<Vec<_>>().join(": "),
    }
}

/// Whether nothing can have been sent, because there was nobody to send it to.
fn failed_to_connect(err: &(dyn Error + 'static)) -> bool {
    sources(err).any(|source| {
        let refused = |err: &io::Error| {
            matches!(
                err.kind(),
                io::ErrorKind::ConnectionRefused | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable
            )
        };
        source.downcast_ref::<io::Error>().is_some_and(refused) || source.to_string().contains("dns error")
    })
}

/// An error and everything behind it.
fn sources<'a>(err: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(err), |err| (*err).source())
}
