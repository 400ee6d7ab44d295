//! CloudWatch alarm notifications as SNS publishes them, for metrics that no check of ours owns.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// A single-metric alarm of somebody else's, and what it says at one moment.
#[derive(Debug, Clone)]
pub struct Alarm {
    metric: String,
    name: String,
    severity: &'static str,
}

/// Instants of a timeline, in seconds after it began. The past is fine: sources are judged by their own clock.
pub fn clock() -> impl Fn(i64) -> Timestamp {
    // 2026-03-01T06:00:00Z
    let start = Timestamp::constant(1_772_344_800, 0);
    move |seconds| start + SignedDuration::from_secs(seconds)
}

impl Alarm {
    /// An alarm on `Example/METRIC`; no other test should use the same metric.
    #[must_use]
    pub fn on(metric: &str) -> Self {
        Self { metric: metric.to_owned(), name: format!("{metric}-alarm"), severity: "HIGH" }
    }

    /// The same alarm after its description was changed to this severity.
    #[must_use]
    pub fn severity(mut self, severity: &'static str) -> Self {
        self.severity = severity;
        self
    }

    /// What alerts about it are called.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("Example/{}", self.metric)
    }

    /// It went to ALARM at this instant.
    #[must_use]
    pub fn firing(&self, at: Timestamp) -> String {
        self.notification("ALARM", "OK", at)
    }

    /// It went back to OK at this instant.
    #[must_use]
    pub fn recovered(&self, at: Timestamp) -> String {
        self.notification("OK", "ALARM", at)
    }

    fn notification(&self, state: &str, before: &str, at: Timestamp) -> String {
        let notification: Value = json!({
            "AlarmName": self.name,
            "AlarmDescription": format!("severity={}", self.severity),
            "AWSAccountId": "123456789012",
            "AlarmArn": format!("arn:aws:cloudwatch:eu-central-1:123456789012:alarm:{}", self.name),
            "NewStateValue": state,
            "NewStateReason": "Threshold Crossed: 1 datapoint [120.0] was greater than the threshold (100.0).",
            "OldStateValue": before,
            // As CloudWatch writes it: an offset without a colon.
            "StateChangeTime": at.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string(),
            "Region": "EU (Frankfurt)",
            "Trigger": {
                "Namespace": "Example", "MetricName": self.metric, "Dimensions": [], "Statistic": "MAXIMUM",
                "StatisticType": "Statistic", "Unit": null, "Period": 60, "EvaluationPeriods": 1,
                "ComparisonOperator": "GreaterThanThreshold", "Threshold": 100.0,
            },
        });
        notification.to_string()
    }
}
