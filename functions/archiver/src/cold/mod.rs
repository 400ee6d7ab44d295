//! Cold storage: the bucket `archive`. Objects are written once, read back, thawed, and never deleted.

mod read;
mod upload;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::StorageClass;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

pub(crate) use read::{Found, Reading};
pub(crate) use upload::{Put, Upload};

/// The bucket.
#[derive(Clone, Debug)]
pub(crate) struct Cold {
    client: Client,
    bucket: String,
    /// The class that objects are written in. With `GLACIER` that is none of its own: they are read back first, and the
    /// bucket's lifecycle moves them after a day.
    class: Option<StorageClass>,
}

/// What goes wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    /// It is not what was put there.
    #[error("{0}")]
    Damaged(String),
    /// It is being brought back from the glacier, which takes hours.
    #[error("thawing: S3 brings {0} back, which takes hours; ask again later")]
    Thawing(String),
    /// S3 does not do it now.
    #[error("{0}")]
    Unavailable(String),
    /// The time is over.
    #[error("the time of the invocation is over")]
    OutOfTime,
}

impl Cold {
    pub(crate) fn new(client: Client, bucket: &str, class: config::StorageClass) -> Self {
        let class = match class {
            config::StorageClass::GlacierIr => Some(StorageClass::GlacierIr),
            config::StorageClass::Glacier => None,
        };
        Self { client, bucket: bucket.to_owned(), class }
    }

    /// Where an object is, for people and manifests.
    pub(crate) fn address(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }
}

/// What S3 said, without what was sent.
fn said<E>(what: &str, error: &SdkError<E, HttpResponse>) -> String
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let status = error.raw_response().map(|answer| format!(" {}", answer.status().as_u16())).unwrap_or_default();
    let words = match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => DisplayErrorContext(error).to_string(),
    };
    format!("{what} answered{status}: {words}")
}
