//! The part of AWS that the router calls, in this process, so that thousands of calls cost nothing and can go wrong: SQS,
//! SNS and SSM as their SDKs speak to them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::dice::Dice;
use super::queue::Queue;

/// The account in ARNs and addresses.
const ACCOUNT: &str = "000000000000";

/// A message that was published.
#[derive(Clone, Debug)]
pub(super) struct Published {
    /// The topic's name.
    pub(super) topic: String,
    pub(super) text: String,
    /// Attributes by name.
    pub(super) attributes: BTreeMap<String, String>,
    /// Whether its sender heard that it was taken.
    pub(super) heard: bool,
    /// Whether it was taken.
    pub(super) taken: bool,
    /// When.
    pub(super) at: Timestamp,
}

/// A running AWS. Dropping it closes its port.
#[derive(Debug)]
pub(super) struct Aws {
    address: String,
    pub(super) cloud: Arc<Cloud>,
    serving: JoinHandle<()>,
}

/// What it holds.
#[derive(Debug)]
pub(super) struct Cloud {
    pub(super) alerts: Queue,
    pub(super) held: Queue,
    parameters: Mutex<BTreeMap<String, String>>,
    published: Mutex<Vec<Published>>,
    /// How many of a thousand publishes go wrong, and how.
    bad: Mutex<(usize, Dice)>,
}

impl Aws {
    pub(super) async fn start(dice: Dice) -> Result<Self> {
        let cloud = Arc::new(Cloud {
            alerts: Queue::with_dead_letters(),
            held: Queue::without_dead_letters(),
            parameters: Mutex::default(),
            published: Mutex::default(),
            bad: Mutex::new((0, dice)),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("opening a port for AWS")?;
        let address = format!("http://{}", listener.local_addr().context("reading the port of AWS")?);
        let routes = Router::new().fallback(serve).with_state(Arc::clone(&cloud));
        let routes = routes.layer(axum::extract::DefaultBodyLimit::disable());
        let serving = tokio::spawn(async move {
            // `axum::serve` never ends by itself.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { address, cloud, serving })
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.address
    }

    pub(super) fn queue_url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.address)
    }

    pub(super) fn topic_arn(name: &str) -> String {
        format!("arn:aws:sns:eu-central-1:{ACCOUNT}:{name}")
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cloud {
    pub(super) fn put_parameter(&self, name: &str, value: String) {
        lock(&self.parameters).insert(format!("/local/watchkeeper/{name}"), value);
    }

    pub(super) fn published(&self) -> Vec<Published> {
        lock(&self.published).clone()
    }

    /// So many of a thousand publishes go wrong from now on.
    pub(super) fn publish_badly(&self, permille: usize) {
        lock(&self.bad).0 = permille;
    }

    fn queue(&self, asked: &Value) -> &Queue {
        let url = asked["QueueUrl"].as_str().unwrap_or_default();
        if url.ends_with("/alerts-held") { &self.held } else { &self.alerts }
    }

    fn send(&self, asked: &Value) -> Value {
        let sent = entries(asked).iter().map(|entry| {
            let attributes = entry["MessageAttributes"].as_object().into_iter().flatten();
            let texts = attributes.map(|(name, value)| (name.clone(), word(value, "StringValue")));
            let id = self.queue(asked).send(None, word(entry, "MessageBody"), texts.collect());
            json!({"Id": entry["Id"], "MessageId": id, "MD5OfMessageBody": ""})
        });
        json!({"Successful": sent.collect::<Vec<_>>(), "Failed": []})
    }

    fn delete(&self, asked: &Value) -> Value {
        let deleted = entries(asked).iter().map(|entry| {
            self.queue(asked).delete(&word(entry, "ReceiptHandle"));
            json!({"Id": entry["Id"]})
        });
        json!({"Successful": deleted.collect::<Vec<_>>(), "Failed": []})
    }

    fn receive(&self, asked: &Value) -> Value {
        let for_a_while = Duration::from_secs(asked["VisibilityTimeout"].as_u64().unwrap_or(30));
        let most = asked["MaxNumberOfMessages"].as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(1);
        let taken = self.queue(asked).receive(most, for_a_while, u32::MAX, &mut lock(&self.bad).1);
        let messages = taken.into_iter().map(|entry| {
            let texts = entry.attributes.into_iter();
            let attributes: BTreeMap<String, Value> =
                texts.map(|(name, text)| (name, json!({"DataType": "String", "StringValue": text}))).collect();
            json!({
                "MessageId": entry.id, "ReceiptHandle": entry.handle, "Body": entry.body,
                "MessageAttributes": attributes,
                "Attributes": {"ApproximateReceiveCount": entry.receives.to_string()},
            })
        });
        json!({"Messages": messages.collect::<Vec<_>>()})
    }

    fn parameters(&self, asked: &Value) -> Value {
        let path = word(asked, "Path");
        let found = lock(&self.parameters).clone().into_iter().filter(|(name, _)| name.starts_with(&path));
        let parameters = found.map(|(name, value)| json!({"Name": name, "Value": value, "Type": "SecureString"}));
        json!({"Parameters": parameters.collect::<Vec<_>>()})
    }

    fn publish(&self, form: &[(String, String)]) -> Response {
        let value = |name: &str| form.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        let names = form.iter().filter(|(name, _)| name.ends_with(".Name"));
        let attributes = names.filter_map(|(at, name)| {
            let at = at.trim_end_matches(".Name");
            Some((name.clone(), value(&format!("{at}.Value.StringValue"))?))
        });
        let what = {
            let mut bad = lock(&self.bad);
            let permille = bad.0;
            if bad.1.permille(permille) { bad.1.between(1, 4) } else { 0 }
        };
        // Refused for good, for the moment, or taken with an answer that nobody can read.
        let (status, heard, taken) = match what {
            0 => (StatusCode::OK, true, true),
            1 => (StatusCode::INTERNAL_SERVER_ERROR, true, false),
            2 => (StatusCode::TOO_MANY_REQUESTS, true, false),
            3 => (StatusCode::OK, false, true),
            _ => (StatusCode::OK, false, false),
        };
        let topic = value("TopicArn").unwrap_or_default().rsplit(':').next().unwrap_or_default().to_owned();
        lock(&self.published).push(Published {
            topic,
            text: value("Message").unwrap_or_default(),
            attributes: attributes.collect(),
            heard,
            taken,
            at: super::now(),
        });
        let body = match (status, heard) {
            (StatusCode::OK, true) => {
                "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult><MessageId>published\
                 </MessageId></PublishResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\
                 </PublishResponse>"
            }
            (StatusCode::OK, false) => "<Publ",
            _ => {
                "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type>\
                 <Code>InternalError</Code><Message>told to refuse</Message></Error><RequestId>r</RequestId>\
                 </ErrorResponse>"
            }
        };
        (status, [(header::CONTENT_TYPE, "text/xml")], body).into_response()
    }
}

async fn serve(State(cloud): State<Arc<Cloud>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let answer = match target {
        "AmazonSQS.SendMessageBatch" => cloud.send(&asked),
        "AmazonSQS.DeleteMessageBatch" => cloud.delete(&asked),
        "AmazonSQS.ReceiveMessage" => cloud.receive(&asked),
        "AmazonSSM.GetParametersByPath" => cloud.parameters(&asked),
        "" => return cloud.publish(&form(&body)),
        other => return (StatusCode::BAD_REQUEST, format!("no {other} here")).into_response(),
    };
    ([(header::CONTENT_TYPE, "application/x-amz-json-1.0")], answer.to_string()).into_response()
}

fn entries(asked: &Value) -> &[Value] {
    asked["Entries"].as_array().map_or(&[], Vec::as_slice)
}

fn word(json: &Value, name: &str) -> String {
    json[name].as_str().unwrap_or_default().to_owned()
}

/// The names and values of a form.
fn form(body: &[u8]) -> Vec<(String, String)> {
    let pairs = body.split(|byte| *byte == b'&');
    let halves = pairs.map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        (&pair[..at], pair.get(at + 1..).unwrap_or_default())
    });
    halves.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &[u8]) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let escape = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
