//! Messages as they come from the queue.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

/// An alarm's notification, as SNS puts it on the queue.
pub(crate) struct Alarm<'a> {
    pub(crate) metric: &'a str,
    pub(crate) state: &'a str,
    pub(crate) severity: &'a str,
    /// Time of day on 2026-03-01.
    pub(crate) at: &'a str,
}

impl Alarm<'_> {
    /// A notification of its own: SNS gives each a MessageId.
    pub(crate) fn body(&self) -> String {
        let inner = json!({
            "AlarmName": format!("{}-high", self.metric), "AlarmDescription": format!("severity={}", self.severity),
            "AWSAccountId": "123456789012", "NewStateValue": self.state, "NewStateReason": "Threshold Crossed",
            "AlarmArn": format!("arn:aws:cloudwatch:eu-central-1:123456789012:alarm:{}-high", self.metric),
            "StateChangeTime": format!("2026-03-01T{}.000+0000", self.at), "Region": "EU (Frankfurt)",
            "Trigger": {"MetricName": self.metric, "Namespace": "AWS/SQS", "Period": 60,
                        "Dimensions": [{"name": "QueueName", "value": "jobs"}]},
        });
        json!({
            "Type": "Notification", "MessageId": unique("sns"), "Message": inner.to_string(),
            "TopicArn": "arn:aws:sns:eu-central-1:123456789012:alarms", "Timestamp": "2026-03-01T06:00:00.000Z",
        })
        .to_string()
    }
}

/// A signal in the native form.
pub(crate) fn native(subject: &str, status: &str, severity: &str, at: &str) -> String {
    json!({
        "source": "test", "kind": "drill", "subject": subject, "status": status, "severity": severity,
        "summary": format!("{subject} is {status}"), "occurred_at": format!("2026-03-01T{at}Z"),
    })
    .to_string()
}

/// A record of a batch, received for the `count`-th time.
pub(crate) fn record(body: &str, count: usize) -> Value {
    let id = unique("message");
    json!({
        "messageId": id, "receiptHandle": format!("handle-of-{id}"), "body": body,
        "attributes": {
            "ApproximateReceiveCount": count.to_string(), "SenderId": "AIDATEST:session", "SentTimestamp": "1772344800000",
        },
        "eventSource": "aws:sqs", "awsRegion": "eu-central-1",
    })
}

/// The same record, received once more.
pub(crate) fn again(record: &Value, count: usize) -> Value {
    let mut record = record.clone();
    record["attributes"]["ApproximateReceiveCount"] = json!(count.to_string());
    record
}

pub(crate) fn batch(records: impl IntoIterator<Item = Value>) -> Value {
    json!({ "Records": records.into_iter().collect::<Vec<_>>() })
}

/// A batch of one message, received for the first time.
pub(crate) fn one(body: &str) -> Value {
    batch([record(body, 1)])
}

fn unique(what: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{what}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
