//! What the failed call of an AWS client says of whether the service has done what it was asked for.

use std::error::Error;
use std::io;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// What is known of a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// It could not be written; nothing was sent, and nothing ever will be.
    Unsent,
    /// There was nobody to send it to; nothing was sent.
    Unreachable,
    /// The service takes no more for the moment, and has done nothing.
    Throttled,
    /// Our credentials have run out, and nothing was done; fresh ones cure it.
    Expired,
    /// The service answered with this status, which is none of the 200s.
    Answered(u16),
    /// A timeout, a connection that broke, an answer that makes no sense: it may have been done.
    Lost,
}

/// Codes by which AWS asks to slow down. <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>
const THROTTLES: [&str; 7] = [
    "Throttling",
    "ThrottlingException",
    "Throttled",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestThrottled",
    "KMSThrottling",
];
/// Codes that fresh credentials cure.
const EXPIRED: [&str; 3] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired"];

/// What is known.
pub fn classify<E>(err: &SdkError<E, HttpResponse>) -> Failed
where
    E: ProvideErrorMetadata,
{
    match err {
        SdkError::ConstructionFailure(_) => Failed::Unsent,
        SdkError::DispatchFailure(failure)
            if failure.as_connector_error().is_some_and(|err| failed_to_connect(err)) =>
        {
            Failed::Unreachable
        }
        SdkError::ServiceError(said) => match (said.err().code().unwrap_or_default(), said.raw().status().as_u16()) {
            (code, _) if THROTTLES.contains(&code) => Failed::Throttled,
            (_, 429) => Failed::Throttled,
            (code, _) if EXPIRED.contains(&code) => Failed::Expired,
            // It has done what it was asked for, and the rest of its answer cannot be read.
            (_, 200..300) => Failed::Lost,
            (_, status) => Failed::Answered(status),
        },
        _ => Failed::Lost,
    }
}

/// The service's own words where it spoke, else the chain of errors.
pub fn describe<E>(err: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
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

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    type Failure = SdkError<ErrorMetadata, HttpResponse>;

    #[test]
    fn only_what_never_reached_the_service_is_known_not_to_have_been_done() {
        let connecting = |kind| ConnectorError::io(Box::new(io::Error::from(kind)));
        for (failure, expected) in [
            (Failure::timeout_error("10 s"), Failed::Lost),
            (Failure::construction_failure("no body"), Failed::Unsent),
            (Failure::dispatch_failure(connecting(io::ErrorKind::ConnectionRefused)), Failed::Unreachable),
            (Failure::dispatch_failure(connecting(io::ErrorKind::ConnectionReset)), Failed::Lost),
            (Failure::dispatch_failure(ConnectorError::timeout("10 s".into())), Failed::Lost),
        ] {
            assert_eq!(classify(&failure), expected, "{failure:?}");
        }
    }
}
