//! A CloudWatch alarm on one metric, as SNS carries it.
//!
//! Every field but the name and the state is optional: real alarms have `AlarmDescription: null`, no `Statistic`, and
//! periods that published types cannot hold.

use jiff::Timestamp;
use jiff::fmt::strtime;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Malformed, Reading};
use crate::fingerprint::Labels;
use crate::policy::Policy;
use crate::severity::Severity;
use crate::signal::SignalStatus;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Alarm {
    alarm_name: String,
    alarm_arn: Option<String>,
    alarm_description: Option<String>,
    #[serde(rename = "AWSAccountId")]
    aws_account_id: Option<String>,
    region: Option<String>,
    new_state_value: String,
    new_state_reason: Option<String>,
    state_change_time: Option<String>,
    #[serde(rename = "alarmTags", alias = "AlarmTags", default)]
    alarm_tags: Option<Map<String, Value>>,
    trigger: Trigger,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Trigger {
    metric_name: String,
    namespace: String,
    #[serde(default)]
    dimensions: Option<Vec<Dimension>>,
}

#[derive(Deserialize)]
struct Dimension {
    #[serde(alias = "Name")]
    name: String,
    #[serde(alias = "Value")]
    value: String,
}

/// Dimension that names the environment: it is the signal's environment, not one of its labels.
const ENVIRONMENT: &str = "Environment";

/// Whether an object is an alarm's notification about a single metric; metric maths has `Trigger.Metrics` instead.
pub(super) fn is_single_metric(json: &Map<String, Value>) -> bool {
    json.contains_key("AlarmName")
        && json.contains_key("NewStateValue")
        && json.get("Trigger").is_some_and(|trigger| {
            ["MetricName", "Namespace"].iter().all(|field| trigger.get(field).is_some_and(Value::is_string))
        })
}

pub(super) fn read(json: &Map<String, Value>, policy: &Policy) -> Result<Reading, Malformed> {
    let alarm: Alarm = serde_json::from_value(Value::Object(json.clone()))
        .map_err(|error| Malformed(format!("it looks like a CloudWatch alarm, but {error}")))?;
    let Trigger { metric_name, namespace, dimensions } = &alarm.trigger;
    let status = match alarm.new_state_value.as_str() {
        "ALARM" => SignalStatus::Firing,
        "OK" => SignalStatus::Resolved,
        "INSUFFICIENT_DATA" => SignalStatus::None,
        other => return Err(Malformed(format!("it looks like a CloudWatch alarm, but its state is `{other}`"))),
    };
    let dimensions = dimensions.iter().flatten();
    let (environment, labels): (Vec<_>, Vec<_>) = dimensions.partition(|dimension| dimension.name == ENVIRONMENT);
    Ok(Reading {
        idempotency_key: None,
        occurred_at: alarm.state_change_time.as_deref().map(instant).transpose()?,
        source: alarm.source(),
        kind: "metric".to_owned(),
        subject: format!("{namespace}/{metric_name}"),
        environment: environment.first().map(|dimension| dimension.value.clone()),
        status,
        severity: policy
            .severity_of_metric(namespace, metric_name)
            .or_else(|| alarm.own_severity())
            .unwrap_or(Severity::High),
        labels: labels.iter().map(|label| (label.name.clone(), label.value.clone())).collect::<Labels>(),
        summary: alarm.summary(),
    })
}

impl Alarm {
    fn source(&self) -> String {
        self.alarm_arn.clone().unwrap_or_else(|| {
            let or_unknown = |part: &Option<String>| part.clone().unwrap_or_else(|| "unknown".to_owned());
            format!("{}/{}/{}", or_unknown(&self.aws_account_id), or_unknown(&self.region), self.alarm_name)
        })
    }

    /// The tag `severity`, else `severity=X` in the description.
    fn own_severity(&self) -> Option<Severity> {
        let tag = self.alarm_tags.as_ref().and_then(|tags| tags.get("severity")).and_then(Value::as_str);
        let described = self.alarm_description.as_deref().and_then(|text| {
            let (_, after) = text.split_once("severity=")?;
            after.split(|c: char| !c.is_ascii_alphanumeric()).next()
        });
        tag.and_then(|word| Severity::from_any_scale(word).ok())
            .or_else(|| described.and_then(|word| Severity::from_any_scale(word).ok()))
    }

    fn summary(&self) -> String {
        let parts = [self.alarm_description.as_deref(), self.new_state_reason.as_deref()];
        let said: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        if said.is_empty() { self.alarm_name.clone() } else { said.join(" — ") }
    }
}

/// CloudWatch writes `2015-06-03T17:43:27.123+0000`, an offset without the colon that RFC 3339 wants.
fn instant(text: &str) -> Result<Timestamp, Malformed> {
    text.parse()
        .or_else(|_| strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text).and_then(|time| time.to_timestamp()))
        .map_err(|_| Malformed(format!("it looks like a CloudWatch alarm, but StateChangeTime `{text}` is no instant")))
}
