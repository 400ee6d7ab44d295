//! The few AWS calls the local cloud and its tests make, by hand.
//!
//! The functions use the real SDKs; six more of them here would double the time `cargo local` takes to build.
//! The emulator checks no signatures, it only reads the account out of the access key.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use testkit::emulator::{Access, REGION};

mod stage;

/// Invocations may take a custom resource's time.
const PATIENCE: Duration = Duration::from_secs(300);

/// A client for one account.
#[derive(Debug, Clone)]
pub struct Aws {
    http: Client,
    access: Access,
}

/// What an invocation answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The function's own answer, or the error it or Lambda reported.
    pub payload: Value,
    /// Whether it is an error (`X-Amz-Function-Error`).
    pub failed: bool,
}

/// One message received from a queue.
#[derive(Debug, Clone)]
pub struct Message {
    /// As sent.
    pub body: String,
    /// Its attributes by name, as SQS writes them.
    pub attributes: Value,
}

impl Aws {
    /// A client for the account of `access`.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(access: Access) -> Result<Self> {
        // Harmless if a provider is installed already; without one the client cannot even be made.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = Client::builder().no_proxy().timeout(PATIENCE).build().context("making an HTTP client")?;
        Ok(Self { http, access })
    }

    /// Creates an S3 bucket.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn create_bucket(&self, name: &str) -> Result<()> {
        let configuration = format!(
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
        );
        let request = self.http.put(self.url(&format!("/{name}"))).body(configuration);
        self.send(request, "s3").await.with_context(|| format!("creating bucket {name}"))?;
        Ok(())
    }

    /// Stores a secret.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn put_secret(&self, name: &str, value: &str) -> Result<()> {
        let body = json!({"Name": name, "Value": value, "Type": "SecureString", "Overwrite": true});
        self.json("ssm", "AmazonSSM.PutParameter", &body).await.with_context(|| format!("storing {name}"))?;
        Ok(())
    }

    /// Every resource of a stack as (logical id, type, physical id).
    ///
    /// # Errors
    /// When the stack is unknown.
    pub async fn stack_resources(&self, stack: &str) -> Result<Vec<(String, String, String)>> {
        let fields = |member: &str| {
            let field = |name| element(member, name).map(str::to_owned);
            Some((field("LogicalResourceId")?, field("ResourceType")?, field("PhysicalResourceId")?))
        };
        let (mut resources, mut next) = (Vec::new(), None::<String>);
        // A page holds a hundred.
        loop {
            let mut parameters =
                vec![("Action", "ListStackResources"), ("Version", "2010-05-15"), ("StackName", stack)];
            parameters.extend(next.as_deref().map(|token| ("NextToken", token)));
            let request = self.http.post(self.url("/")).form(&parameters);
            let listed = self.send(request, "cloudformation").await.with_context(|| format!("listing {stack}"))?;
            let xml = listed.text().await.context("reading the stack's resources")?;
            resources.extend(xml.split("<member>").skip(1).filter_map(fields));
            next = element(&xml, "NextToken").filter(|token| !token.is_empty()).map(str::to_owned);
            if next.is_none() {
                return Ok(resources);
            }
        }
    }

    /// Invokes a function and waits for its answer.
    ///
    /// # Errors
    /// When Lambda refuses; a function's own error is an [`Answer`].
    pub async fn invoke(&self, function: &str, payload: &[u8]) -> Result<Answer> {
        let url = self.url(&format!("/2015-03-31/functions/{function}/invocations"));
        let response = self
            .send(self.http.post(url).body(payload.to_vec()), "lambda")
            .await
            .with_context(|| format!("invoking {function}"))?;
        let failed = response.headers().contains_key("x-amz-function-error");
        let body = response.bytes().await.with_context(|| format!("reading the answer of {function}"))?;
        let payload = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
        Ok(Answer { payload, failed })
    }

    /// Publishes to a topic, as an alarm's action would.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn publish(&self, topic: &str, message: &str) -> Result<()> {
        let parameters = [("Action", "Publish"), ("Version", "2010-03-31"), ("TopicArn", topic), ("Message", message)];
        let request = self.http.post(self.url("/")).form(&parameters);
        self.send(request, "sns").await.with_context(|| format!("publishing to {topic}"))?;
        Ok(())
    }

    /// Sends a message to a queue.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn send_message(&self, queue: &str, body: &str) -> Result<()> {
        let request = json!({"QueueUrl": queue, "MessageBody": body});
        self.json("sqs", "AmazonSQS.SendMessage", &request).await.with_context(|| format!("sending to {queue}"))?;
        Ok(())
    }

    /// Takes up to ten messages out of a queue.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn take_messages(&self, queue: &str) -> Result<Vec<Message>> {
        let request = json!({"QueueUrl": queue, "MaxNumberOfMessages": 10, "AttributeNames": ["All"]});
        let received = self
            .json("sqs", "AmazonSQS.ReceiveMessage", &request)
            .await
            .with_context(|| format!("receiving from {queue}"))?;
        let mut messages = Vec::new();
        for message in received["Messages"].as_array().into_iter().flatten() {
            let request = json!({"QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"]});
            self.json("sqs", "AmazonSQS.DeleteMessage", &request).await.context("deleting a message")?;
            let body = message["Body"].as_str().unwrap_or_default().to_owned();
            messages.push(Message { body, attributes: message["Attributes"].clone() });
        }
        Ok(messages)
    }

    /// How many messages a queue holds, whether anyone works on them or not.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn queue_depth(&self, queue: &str) -> Result<u64> {
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let request = json!({"QueueUrl": queue, "AttributeNames": names});
        let answer = self.json("sqs", "AmazonSQS.GetQueueAttributes", &request).await?;
        let count = |name: &str| answer["Attributes"][name].as_str().and_then(|count| count.parse::<u64>().ok());
        Ok(names.iter().filter_map(|name| count(name)).sum())
    }

    /// The state of a CloudWatch alarm.
    ///
    /// # Errors
    /// When there is no such alarm.
    pub async fn alarm_state(&self, name: &str) -> Result<String> {
        let request = json!({"AlarmNames": [name]});
        let answer = self.json("monitoring", "GraniteServiceVersion20100801.DescribeAlarms", &request).await?;
        let state = answer["MetricAlarms"][0]["StateValue"].as_str();
        Ok(state.with_context(|| format!("no alarm {name}"))?.to_owned())
    }

    /// The lines of a log group, oldest first, without Lambda's own START, END and REPORT.
    ///
    /// # Errors
    /// When it is refused; a group that does not exist yet has no lines.
    pub async fn log_lines(&self, group: &str) -> Result<Vec<String>> {
        let request = json!({"logGroupName": group});
        let answer = self.json("logs", "Logs_20140328.FilterLogEvents", &request).await?;
        let own = |line: &&str| !["START ", "END ", "REPORT "].iter().any(|mark| line.starts_with(mark));
        let lines = answer["events"].as_array().into_iter().flatten().filter_map(|event| event["message"].as_str());
        Ok(lines.filter(own).map(str::to_owned).collect())
    }

    async fn json(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        let request = self
            .http
            .post(self.url("/"))
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.0")
            .body(body.to_string());
        let answer = self.send(request, service).await.with_context(|| format!("calling {target}"))?;
        let text = answer.text().await.with_context(|| format!("reading the answer to {target}"))?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("{target} did not answer with JSON: {text}"))
    }

    async fn send(&self, request: RequestBuilder, service: &str) -> Result<Response> {
        let credential = format!("{}/20200101/{REGION}/{service}/aws4_request", self.access.account);
        let authorization = format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=none");
        let response = request.header("authorization", authorization).send().await.context("no answer")?;
        let status = response.status();
        if !status.is_success() {
            bail!("HTTP {status}: {}", response.text().await.unwrap_or_default());
        }
        Ok(response)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.access.endpoint)
    }
}

fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    after.split_once(&format!("</{name}>")).map(|(text, _)| text)
}
