//! The wording of SNS: capital letters, the trigger's dimensions as a list, the region's name for people.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html>

use serde_json::Value;

use super::{Alarm, Metric, regions};
use crate::ingest::fields::{Json, instant, list, object, text};
use crate::ingest::{Malformed, Reading};
use crate::policy::Policy;

/// Reads a notification; `None` where it is none: nothing else has these two names.
pub(in crate::ingest) fn read(json: &Json, policy: &Policy) -> Option<Result<Reading, Malformed>> {
    let (name, state) = (text(json, "AlarmName")?, text(json, "NewStateValue")?);
    let alarm = Alarm {
        name,
        arn: text(json, "AlarmArn"),
        account: text(json, "AWSAccountId"),
        region: text(json, "Region").map(regions::code),
        description: text(json, "AlarmDescription"),
        tags: object(json, "alarmTags").or_else(|| object(json, "AlarmTags")),
        state,
        reason: text(json, "NewStateReason"),
        changed_at: instant(json, "StateChangeTime"),
        metric: object(json, "Trigger").and_then(metric),
    };
    Some(alarm.into_reading(policy))
}

/// Named by the trigger itself, or by the only entry of its `Metrics`. Composite alarms have no trigger, metric maths
/// several entries.
fn metric(trigger: &Json) -> Option<Metric<'_>> {
    let metric = match list(trigger, "Metrics") {
        [] => trigger,
        [Value::Object(only)] if text(only, "Expression").is_none() => object(object(only, "MetricStat")?, "Metric")?,
        _ => return None,
    };
    let dimensions = list(metric, "Dimensions").iter().filter_map(Value::as_object).filter_map(|dimension| {
        let either = |small, capital| text(dimension, small).or_else(|| text(dimension, capital));
        Some((either("name", "Name")?, either("value", "Value")?))
    });
    let dimensions = dimensions.collect();
    Some(Metric { namespace: text(metric, "Namespace")?, name: text(metric, "MetricName")?, dimensions })
}
