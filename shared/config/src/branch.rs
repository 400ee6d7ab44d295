//! Reads one branch of an environment's parameters from SSM: all of its pages, within a time limit.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::config::retry::RetryConfig;
use aws_sdk_ssm::config::timeout::TimeoutConfig;
use aws_sdk_ssm::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_ssm::operation::get_parameters_by_path::GetParametersByPathError;
use secrecy::SecretString;

use crate::environment::Environment;
use crate::reference::Branch;

/// SSM gives at most so many parameters per call.
const PAGE: i32 = 10;
/// How often a page is asked for. SSM allows 40 calls a second per account, and sandboxes start together: three
/// refusals in a row happen.
const TRIES: u32 = 4;
/// The first wait between two tries; the SDK doubles and jitters it.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The parameters of a branch, by `branch/name`.
pub(crate) type Values = BTreeMap<String, SecretString>;

/// Reads a branch; `patience` is for each page with all its tries.
///
/// # Errors
/// What SSM said, or that it said nothing.
pub(crate) async fn read(
    ssm: &Client,
    environment: &Environment,
    branch: Branch,
    patience: Duration,
) -> Result<Values, String> {
    let prefix = environment.ssm_prefix();
    let mut found = Values::new();
    let mut next = None;
    loop {
        let call = ssm
            .get_parameters_by_path()
            .path(format!("{prefix}/{}", branch.as_str()))
            .recursive(true)
            .with_decryption(true)
            .max_results(PAGE)
            .set_next_token(next);
        let page = call.customize().config_override(limits(patience)).send().await.map_err(|err| describe(&err))?;
        for parameter in page.parameters.unwrap_or_default() {
            let (Some(name), Some(value)) = (parameter.name, parameter.value) else { continue };
            let path = name.strip_prefix(&prefix).unwrap_or(&name).trim_start_matches('/').to_owned();
            // Parameters put there from a file end in a line break that nobody meant.
            found.insert(path, SecretString::from(value.trim()));
        }
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

fn limits(patience: Duration) -> aws_sdk_ssm::config::Builder {
    aws_sdk_ssm::Config::builder()
        .timeout_config(TimeoutConfig::builder().operation_timeout(patience).build())
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES).with_initial_backoff(FIRST_WAIT))
}

fn describe(err: &SdkError<GetParametersByPathError>) -> String {
    match (err.code(), err.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => DisplayErrorContext(err).to_string(),
    }
}
