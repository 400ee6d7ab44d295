//! Asks CloudWatch how its alarms stand.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::DisplayErrorContext;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    AlarmType, CompositeAlarm, Dimension, Metric as AwsMetric, MetricAlarm, MetricDataQuery, StateValue,
};
use domain::Timestamp;
use domain::reconcile::{Alarm, Listing, Metric, State};

/// DescribeAlarms names at most so many at once.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>
const PER_PAGE: i32 = 100;

/// The alarms of this account and region.
pub(crate) struct Alarms {
    client: Client,
    topic_arn: String,
}

impl Alarms {
    /// Alarms that notify a topic; nothing is called yet.
    pub(crate) fn new(client: Client, topic_arn: &str) -> Self {
        Self { client, topic_arn: topic_arn.to_owned() }
    }

    /// Adds every alarm to a listing, page by page: what was seen stays when it breaks off.
    ///
    /// # Errors
    /// What CloudWatch says; the listing is then not complete.
    pub(crate) async fn list(&self, listing: &mut Listing) -> Result<(), String> {
        let asking = self.client.describe_alarms().max_records(PER_PAGE);
        let asking = asking.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
        let mut pages = asking.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| DisplayErrorContext(&error).to_string())?;
            for alarm in page.metric_alarms.unwrap_or_default() {
                self.add(listing, metric_alarm(alarm));
            }
            for alarm in page.composite_alarms.unwrap_or_default() {
                self.add(listing, composite_alarm(alarm));
            }
        }
        listing.complete = true;
        Ok(())
    }

    fn add(&self, listing: &mut Listing, described: Described) {
        match described.alarm {
            Some(alarm) if described.notifies.contains(&self.topic_arn) => listing.ours.push(alarm),
            Some(alarm) => {
                listing.others.insert(alarm.arn);
            }
            None => {}
        }
    }
}

/// An alarm, and whom it notifies when it fires.
struct Described {
    /// `None`: it does not even say what it is called, which AWS never leaves out.
    alarm: Option<Alarm>,
    notifies: Vec<String>,
}

fn metric_alarm(alarm: MetricAlarm) -> Described {
    let metric = match (alarm.namespace, alarm.metric_name) {
        (Some(namespace), Some(name)) => Some(metric(namespace, name, alarm.dimensions)),
        _ => only_metric(alarm.metrics.unwrap_or_default()),
    };
    let since = alarm.state_transitioned_timestamp.or(alarm.state_updated_timestamp);
    let of = |name, arn| Alarm {
        name,
        arn,
        description: alarm.alarm_description,
        state: state(alarm.state_value.as_ref()),
        reason: alarm.state_reason,
        since: instant(since),
        metric,
        suppressed: false,
    };
    let alarm_is = alarm.alarm_name.zip(alarm.alarm_arn).map(|(name, arn)| of(name, arn));
    Described { alarm: alarm_is, notifies: notifies(alarm.actions_enabled, alarm.alarm_actions) }
}

fn composite_alarm(alarm: CompositeAlarm) -> Described {
    let since = alarm.state_transitioned_timestamp.or(alarm.state_updated_timestamp);
    let of = |name, arn| Alarm {
        name,
        arn,
        description: alarm.alarm_description,
        state: state(alarm.state_value.as_ref()),
        reason: alarm.state_reason,
        since: instant(since),
        metric: None,
        suppressed: alarm.actions_suppressed_by.is_some(),
    };
    let alarm_is = alarm.alarm_name.zip(alarm.alarm_arn).map(|(name, arn)| of(name, arn));
    Described { alarm: alarm_is, notifies: notifies(alarm.actions_enabled, alarm.alarm_actions) }
}

/// Nobody, where its actions are switched off.
fn notifies(enabled: Option<bool>, actions: Option<Vec<String>>) -> Vec<String> {
    actions.filter(|_| enabled != Some(false)).unwrap_or_default()
}

/// The metric of an alarm that is written as a list of queries, where it is one and no expression.
fn only_metric(mut queries: Vec<MetricDataQuery>) -> Option<Metric> {
    let only = queries.pop().filter(|only| queries.is_empty() && only.expression.is_none())?;
    let AwsMetric { namespace, metric_name, dimensions, .. } = only.metric_stat?.metric?;
    Some(metric(namespace?, metric_name?, dimensions))
}

fn metric(namespace: String, name: String, dimensions: Option<Vec<Dimension>>) -> Metric {
    let dimensions = dimensions.unwrap_or_default().into_iter();
    Metric { namespace, name, dimensions: dimensions.filter_map(|one| one.name.zip(one.value)).collect() }
}

fn state(value: Option<&StateValue>) -> State {
    match value {
        Some(StateValue::Alarm) => State::Alarm,
        Some(StateValue::Ok) => State::Ok,
        _ => State::Unknown,
    }
}

/// One that is not dated has been so for ever, and its signal outdates nothing.
fn instant(at: Option<DateTime>) -> Timestamp {
    let at = at.and_then(|at| at.to_millis().ok()).and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.unwrap_or(Timestamp::UNIX_EPOCH)
}
