//! Debug builds only: writes down which operations of AWS a function calls, and refuses those it does not declare.
//!
//! Every role permits exactly what its function declares (a test compares the two), so a call that is not declared would
//! be denied in the cloud, and nowhere here: the emulator checks no permissions. This way each test that makes a function
//! call something shows it. `cargo local operations` then says what is declared and was never called.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use aws_config::identity::IdentityCache;
use aws_sdk_sqs::config::{ConfigBag, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::identity::{
    IdentityFuture, ResolveCachedIdentity, SharedIdentityCache, SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::shared::IntoShared;

/// The folder where calls are written down, one file per function; tests set it, nobody else does.
const FOLDER: &str = "OPERATIONS_FOLDER";

/// The SDK's usual cache of credentials, which is asked about each operation before anything is sent. It is the part of
/// an `SdkConfig` that reaches every client made from it; interceptors belong to single clients, and one could be
/// forgotten.
#[derive(Debug)]
struct Observed {
    cache: SharedIdentityCache,
    observer: Observer,
}

/// What one process may call, and has called.
#[derive(Debug)]
struct Observer {
    function: &'static str,
    declared: &'static [&'static str],
    file: Option<PathBuf>,
    written: Mutex<BTreeSet<String>>,
}

/// A cache of credentials for a function that calls nothing but these IAM actions.
pub(crate) fn observed(function: &'static str, declared: &'static [&'static str]) -> SharedIdentityCache {
    let file = std::env::var_os(FOLDER).map(|folder| PathBuf::from(folder).join(function));
    let observer = Observer { function, declared, file, written: Mutex::default() };
    Observed { cache: IdentityCache::lazy().build(), observer }.into_shared()
}

impl ResolveCachedIdentity for Observed {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        config: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        self.cache.resolve_cached_identity(resolver, components, config)
    }

    fn validate_final_config(&self, _components: &RuntimeComponents, config: &ConfigBag) -> Result<(), BoxError> {
        let called = config.load::<Metadata>().ok_or("an operation without a name")?;
        self.observer.observe(&action(called.service(), called.name()))
    }
}

impl Observer {
    fn observe(&self, action: &str) -> Result<(), BoxError> {
        self.write_down(action)?;
        if self.declared.contains(&action) {
            return Ok(());
        }
        let function = self.function;
        let refusal = format!(
            "{function} calls {action}, which it does not declare: add it to OPERATIONS in shared/config and to the \
             function's role in template.yaml, or do not call it"
        );
        tracing::error!("{refusal}");
        Err(refusal.into())
    }

    /// Once per process. Several processes of a function append to one file: a short line is written whole.
    fn write_down(&self, action: &str) -> Result<(), BoxError> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.insert(action.to_owned()) {
            let line = format!("{action}\n");
            OpenOptions::new().create(true).append(true).open(file)?.write_all(line.as_bytes())?;
        }
        Ok(())
    }
}

/// The IAM action that an operation of the SDK needs: of the same name, but for those listed.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>
fn action(service: &str, operation: &str) -> String {
    let service = service.to_ascii_lowercase();
    let name = match (service.as_str(), operation) {
        ("sqs", "SendMessageBatch") => "SendMessage",
        ("sqs", "DeleteMessageBatch") => "DeleteMessage",
        ("lambda", "Invoke") => "InvokeFunction",
        ("s3", "ListObjectsV2") => "ListBucket",
        ("s3", "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload") => "PutObject",
        ("s3", "DeleteObjects") => "DeleteObject",
        _ => operation,
    };
    format!("{service}:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECLARED: &[&str] = &["sqs:SendMessage"];

    fn client(file: Option<PathBuf>) -> aws_sdk_sqs::Client {
        let observer = Observer { function: "tested", declared: DECLARED, file, written: Mutex::default() };
        let cache: SharedIdentityCache = Observed { cache: IdentityCache::lazy().build(), observer }.into_shared();
        let sdk = crate::aws::sdk_config("tested", DECLARED)
            .into_builder()
            .identity_cache(cache)
            .region(aws_config::Region::new("eu-central-1"))
            // Nobody listens there: what is allowed fails for another reason.
            .endpoint_url("http://127.0.0.1:1")
            .build();
        aws_sdk_sqs::Client::new(&sdk)
    }

    #[tokio::test]
    async fn a_call_that_is_not_declared_is_refused_before_it_is_sent_and_stands_in_the_record() {
        let folder = tempfile::tempdir().expect("a folder");
        let client = client(Some(folder.path().join("tested")));
        let refused = client.purge_queue().queue_url("http://127.0.0.1:1/q").send().await.expect_err("not declared");
        let refused = format!("{:?}", refused.into_source().expect("a reason"));
        assert!(refused.contains("tested calls sqs:PurgeQueue"), "{refused}");
        let record = std::fs::read_to_string(folder.path().join("tested")).expect("a record");
        assert_eq!(record, "sqs:PurgeQueue\n");
    }

    #[tokio::test]
    async fn a_declared_call_is_made_and_written_down_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let client = client(Some(folder.path().join("tested")));
        for _ in 0..2 {
            let call = client.send_message_batch().queue_url("http://127.0.0.1:1/q").send();
            let error = format!("{:?}", call.await.expect_err("nobody listens"));
            assert!(!error.contains("does not declare"), "{error}");
        }
        let record = std::fs::read_to_string(folder.path().join("tested")).expect("a record");
        assert_eq!(record, "sqs:SendMessage\n", "by the name that policies know it by");
    }

    #[test]
    fn a_record_that_cannot_be_written_fails_the_call() {
        let file = Some(PathBuf::from("/nowhere/at/all"));
        let observer = Observer { function: "tested", declared: DECLARED, file, written: Mutex::default() };
        assert!(observer.observe("sqs:SendMessage").is_err());
    }

    #[test]
    fn operations_are_called_as_policies_call_them() {
        assert_eq!(action("SSM", "GetParametersByPath"), "ssm:GetParametersByPath");
        assert_eq!(action("SQS", "DeleteMessageBatch"), "sqs:DeleteMessage");
        assert_eq!(action("Lambda", "Invoke"), "lambda:InvokeFunction");
        assert_eq!(action("S3", "ListObjectsV2"), "s3:ListBucket");
        assert_eq!(action("CloudWatch", "PutMetricData"), "cloudwatch:PutMetricData");
    }
}
