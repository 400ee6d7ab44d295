//! A CloudWatch alarm, as SNS carries it: on one metric, or composite or on metric maths.
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
    #[serde(default)]
    trigger: Option<Trigger>,
}

/// Composite alarms have none, metric maths one without these names.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Trigger {
    metric_name: Option<String>,
    namespace: Option<String>,
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

/// Whether an object is an alarm's notification: nothing else has these two.
pub(super) fn is_alarm(json: &Map<String, Value>) -> bool {
    ["AlarmName", "NewStateValue"].iter().all(|field| json.contains_key(*field))
}

pub(super) fn read(json: &Map<String, Value>, policy: &Policy) -> Result<Reading, Malformed> {
    let alarm: Alarm = serde_json::from_value(Value::Object(json.clone()))
        .map_err(|error| Malformed(format!("it looks like a CloudWatch alarm, but {error}")))?;
    let status = match alarm.new_state_value.as_str() {
        "ALARM" => SignalStatus::Firing,
        "OK" => SignalStatus::Resolved,
        "INSUFFICIENT_DATA" => SignalStatus::None,
        other => return Err(Malformed(format!("it looks like a CloudWatch alarm, but its state is `{other}`"))),
    };
    let About { kind, subject, environment, labels, severity } = alarm.about(policy);
    Ok(Reading {
        idempotency_key: None,
        occurred_at: alarm.state_change_time.as_deref().map(instant).transpose()?,
        source: alarm.source(),
        kind: kind.to_owned(),
        subject,
        environment,
        status,
        severity: severity.or_else(|| alarm.own_severity()).unwrap_or(Severity::High),
        labels,
        summary: alarm.summary(),
    })
}

/// What an alarm is about: a metric, or itself.
struct About {
    kind: &'static str,
    subject: String,
    environment: Option<String>,
    labels: Labels,
    severity: Option<Severity>,
}

impl Alarm {
    /// A check on the same metric has the same fingerprint; an alarm on several is only itself.
    fn about(&self, policy: &Policy) -> About {
        if let Some(Trigger { metric_name: Some(name), namespace: Some(namespace), dimensions }) = &self.trigger {
            let dimensions = dimensions.iter().flatten();
            let (environment, labels): (Vec<_>, Vec<_>) =
                dimensions.partition(|dimension| dimension.name == ENVIRONMENT);
            return About {
                kind: "metric",
                subject: format!("{namespace}/{name}"),
                environment: environment.first().map(|dimension| dimension.value.clone()),
                labels: labels.iter().map(|label| (label.name.clone(), label.value.clone())).collect(),
                severity: policy.severity_of_metric(namespace, name),
            };
        }
        let place = [("account", self.aws_account_id.as_deref()), ("region", self.region_code())];
        About {
            kind: "alarm",
            subject: self.alarm_name.clone(),
            environment: None,
            labels: place.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.to_owned()))).collect(),
            severity: None,
        }
    }

    /// `eu-central-1`, from the ARN: `Region` holds a name for people.
    fn region_code(&self) -> Option<&str> {
        self.alarm_arn.as_deref().and_then(|arn| arn.split(':').nth(3)).or(self.region.as_deref())
    }

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
