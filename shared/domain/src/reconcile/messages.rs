//! Says what a lost notification would have said, so that it is read, recorded and decided like any other.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Alarm, End, FiringSource, Metric};
use crate::ingest::Message;

/// Who sends what ends a source.
const SENDER: &str = "reconcile";

/// The notification of an alarm that fires, as its topic would have sent it. Its key names the alarm and the instant of
/// its transition: however often it is made up for, it is one signal.
pub fn raising(alarm: &Alarm, topic_arn: &str, now: Timestamp) -> Message {
    let message_id = format!("reconcile/{}/ALARM/{}", alarm.arn, alarm.since);
    let mut arn = alarm.arn.splitn(6, ':').skip(3);
    let (region, account) = (arn.next(), arn.next());
    let notification = json!({
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": account,
        "NewStateValue": "ALARM",
        "NewStateReason": alarm.reason,
        "StateChangeTime": alarm.since.to_string(),
        "Region": region,
        "AlarmArn": alarm.arn,
        "Trigger": alarm.metric.as_ref().map(trigger),
    });
    let envelope = json!({
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": topic_arn,
        "Timestamp": now.to_string(),
        "Message": notification.to_string(),
    });
    Message { message_id, sender_id: None, sent_at: now, body: envelope.to_string() }
}

fn trigger(metric: &Metric) -> Value {
    let dimensions = metric.dimensions.iter().map(|(name, value)| json!({"name": name, "value": value}));
    let dimensions: Vec<Value> = dimensions.collect();
    json!({"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions})
}

/// The end of a source, about the condition that it keeps open: the alarm may watch something else by now, or nothing.
pub fn resolving(source: &FiringSource, end: End, now: Timestamp) -> Message {
    let arn = &source.source;
    let name = arn.splitn(7, ':').nth(6).unwrap_or(arn);
    let (id, occurred_at, summary) = match end {
        End::Ok(since) => (
            format!("reconcile/OK/{since}"),
            // The end of a firing that says it is younger has to be younger still.
            if since > source.changed_at { since } else { now },
            format!("The alarm {name} has been OK since {since}; CloudWatch says so, its notification was lost"),
        ),
        End::Gone => (
            format!("reconcile/gone/{}", source.changed_at),
            now,
            format!("The alarm {name} does not exist any more, so nobody would have said that it is over"),
        ),
    };
    let signal = json!({
        "id": id,
        "source": arn,
        "kind": source.kind,
        "subject": source.subject,
        "environment": source.environment,
        "status": "resolved",
        "severity": source.severity.as_str(),
        "summary": summary,
        "labels": source.labels,
        "occurred_at": occurred_at.to_string(),
    });
    let message_id = format!("{arn}/{id}");
    Message { message_id, sender_id: Some(SENDER.to_owned()), sent_at: now, body: signal.to_string() }
}
