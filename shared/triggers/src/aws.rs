//! How triggers in AWS are called: once each, and what a failure of that means.

use std::error::Error;
use std::time::Duration;

use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use outbound::Cause;
use outbound::aws::{Failed, classify, describe};

use crate::Started;

/// Who does not even pick up is down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// One call, whole.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Attempts are counted on the run's record: the client's own retries would start a job twice.
pub(crate) fn once() -> RetryConfig {
    RetryConfig::disabled()
}

/// How long one call may take.
pub(crate) fn patience() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(TOTAL_TIMEOUT).build()
}

/// How a start ended that the service did not accept. `to` names it for people, and `what_to_do` says what helps where the
/// service does not know it, or does not let us.
pub(crate) fn not_accepted<E>(err: &SdkError<E, HttpResponse>, to: &str, what_to_do: &str) -> Started
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let response = err.raw_response();
    let status = response.map(|response| response.status().as_u16());
    // What is quoted comes last: it may be long, and is cut.
    let cause = |advice: &str| Cause::quoting(status, &format!("{to}{advice}: {}", describe(err)), &[]);
    match classify(err) {
        Failed::Throttled => {
            let seconds = response.and_then(|response| response.headers().get("retry-after")?.parse::<u32>().ok());
            let retry_after = seconds.map(|seconds| jiff::SignedDuration::from_secs(seconds.into()));
            Started::RateLimited { retry_after, cause: cause("") }
        }
        Failed::Unreachable | Failed::Expired => Started::Transient(cause("")),
        Failed::Unsent => Started::Permanent(cause("")),
        Failed::Answered(status) => {
            let closed = unknown_or_closed(err.code().unwrap_or_default(), status);
            let advice = if closed { format!(" ({what_to_do})") } else { String::new() };
            Started::refused(status, None, cause(&advice))
        }
        Failed::Lost => Started::Ambiguous(cause("")),
    }
}

fn unknown_or_closed(code: &str, status: u16) -> bool {
    matches!(status, 401 | 403 | 404) || code.contains("NonExistent") || code.contains("AccessDenied")
}
