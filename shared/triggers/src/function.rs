//! Jobs as asynchronous invocations of a Lambda function.

use async_trait::async_trait;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::RequestId;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use serde_json::Value;

use crate::aws::{not_accepted, once, patience};
use crate::{Job, Started, Trigger};

/// What helps where the function is not there, or is closed to us.
const WHAT_TO_DO: &str = "`lambda` in the watch file names it, and the role must permit lambda:InvokeFunction on it";

/// A function that processes cycles.
#[derive(Clone, Debug)]
pub struct Function {
    client: Client,
    name: String,
}

impl Function {
    /// The function of this name or ARN.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }
}

#[async_trait]
impl Trigger for Function {
    /// Hands the job to Lambda's own queue, which answers 202 and invokes the function in its time, up to three times. The
    /// id is that of the request, which the function's own logs show.
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
    async fn start(&self, job: &Job<'_>) -> Started {
        let invoke = self
            .client
            .invoke()
            .function_name(&self.name)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(Value::Object(job.message()).to_string()));
        let config = aws_sdk_lambda::Config::builder().retry_config(once()).timeout_config(patience());
        match invoke.customize().config_override(config).send().await {
            Ok(answer) => Started::Accepted { external_id: answer.request_id().map(str::to_owned) },
            Err(err) => not_accepted(&err, "Lambda did not take the job", WHAT_TO_DO),
        }
    }
}
