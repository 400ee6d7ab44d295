//! The wording of EventBridge, and of the direct Lambda action: small letters, metrics as a list of queries.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html>

use serde_json::Value;

use super::{Alarm, Metric};
use crate::ingest::fields::{Json, instant, list, object, text};
use crate::ingest::transport::Event;
use crate::ingest::{Malformed, Reading};
use crate::policy::Policy;
use crate::severity::Severity;
use crate::signal::SignalStatus;

type Read = Option<Result<Reading, Malformed>>;

/// Reads the detail of a `CloudWatch Alarm State Change`, or such a detail alone, as a rule with the input path `$.detail`
/// sends it.
///
/// A composite alarm whose actions its owner has suppressed for now changes state by event all the same. That it fires is
/// then on record and told to nobody; that it is over ends what is open.
pub(in crate::ingest) fn read_state_change(detail: &Json, event: Option<&Event>, policy: &Policy) -> Read {
    let alarm = match event {
        Some(event) if event.detail_type == "CloudWatch Alarm State Change" => of_event(event, alarm(detail)?),
        None => alarm(detail)?,
        Some(_) => return None,
    };
    let suppressed = object(detail, "state").is_some_and(|state| text(state, "actionsSuppressedBy").is_some());
    let reading = Alarm { tags: object(detail, "alarmTags"), ..alarm }.into_reading(policy);
    Some(reading.map(|reading| match reading.status {
        SignalStatus::Firing if suppressed => Reading { status: SignalStatus::None, ..reading },
        _ => reading,
    }))
}

/// Reads what CloudWatch invokes a function with that is an alarm's action, put on the queue by whoever received it.
pub(in crate::ingest) fn read_direct(json: &Json, policy: &Policy) -> Read {
    let data = object(json, "alarmData")?;
    let alarm = Alarm {
        arn: text(json, "alarmArn"),
        account: text(json, "accountId"),
        region: text(json, "region"),
        tags: object(data, "alarmTags").or_else(|| object(json, "alarmTags")),
        ..alarm(data)?
    };
    let changed_at = alarm.changed_at.or_else(|| instant(json, "time"));
    Some(Alarm { changed_at, ..alarm }.into_reading(policy))
}

/// Reads a `CloudWatch Alarm Configuration Change`: on record always, told only where from now on nobody will hear of
/// that alarm any more, since it was deleted or its actions were switched off.
pub(in crate::ingest) fn read_configuration_change(detail: &Json, event: Option<&Event>) -> Read {
    let event = event.filter(|event| event.detail_type == "CloudWatch Alarm Configuration Change")?;
    let alarm = of_event(event, Alarm { name: text(detail, "alarmName")?, ..Alarm::default() });
    let operation = text(detail, "operation").unwrap_or("change");
    let enabled = object(detail, "configuration").and_then(|to| to.get("actionsEnabled")).and_then(Value::as_bool);
    let (status, said) = match (operation, enabled) {
        ("delete", _) => (SignalStatus::Event, "was deleted: nobody will hear of it any more".to_owned()),
        (_, Some(false)) => (SignalStatus::Event, "has its actions switched off: nobody will hear of it".to_owned()),
        _ => (SignalStatus::None, format!("was configured ({operation})")),
    };
    Some(Ok(Reading {
        kind: "alarm-configuration".to_owned(),
        status,
        severity: Severity::Low,
        summary: format!("The CloudWatch alarm {} {said}", alarm.name),
        ..alarm.reading()
    }))
}

fn of_event<'a>(event: &'a Event, alarm: Alarm<'a>) -> Alarm<'a> {
    Alarm {
        arn: event.resource.as_deref(),
        account: event.account.as_deref(),
        region: event.region.as_deref(),
        ..alarm
    }
}

/// What `detail` and `alarmData` have in common.
fn alarm(data: &Json) -> Option<Alarm<'_>> {
    let state = object(data, "state")?;
    let configuration = object(data, "configuration");
    Some(Alarm {
        name: text(data, "alarmName")?,
        description: configuration.and_then(|configuration| text(configuration, "description")),
        state: text(state, "value")?,
        reason: text(state, "reason"),
        changed_at: instant(state, "timestamp"),
        metric: configuration.and_then(metric),
        ..Alarm::default()
    })
}

/// A single query that is no expression; composite alarms have none.
fn metric(configuration: &Json) -> Option<Metric<'_>> {
    let [Value::Object(only)] = list(configuration, "metrics") else { return None };
    if text(only, "expression").is_some() {
        return None;
    }
    let metric = object(object(only, "metricStat")?, "metric")?;
    let dimensions = object(metric, "dimensions").into_iter().flatten();
    let dimensions = dimensions.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect();
    Some(Metric { namespace: text(metric, "namespace")?, name: text(metric, "name")?, dimensions })
}
