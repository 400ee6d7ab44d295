//! Who sends a metric, under which name and with which dimensions: what alarms have to listen to.

use std::collections::BTreeMap;

use config::Deployment;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use testkit::cloudwatch_alarm::Datum;

use super::ENVIRONMENT;
use crate::template::watch_file;

/// Who sends it.
#[derive(Clone, Copy)]
pub(super) enum Emitter {
    /// One of our functions, into the watch file's namespace: the environment is a dimension of each, and these are too.
    Ours(&'static str, &'static [(&'static str, &'static str)]),
    /// Lambda, about the function with this logical id.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>
    Lambda(&'static str, &'static str),
    /// SQS, about the queue with this logical id.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>
    Sqs(&'static str, &'static str),
}

impl Emitter {
    pub(super) fn datum(self, at: Timestamp, value: f64) -> Datum {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let (namespace, metric, dimensions) = match self {
            Self::Ours(metric, own) => {
                let all = std::iter::once(("Environment", ENVIRONMENT)).chain(own.iter().copied());
                (namespace(), metric, all.map(owned).collect())
            }
            Self::Lambda(function, metric) => {
                ("AWS/Lambda".to_owned(), metric, BTreeMap::from([owned(("FunctionName", function))]))
            }
            Self::Sqs(queue, metric) => {
                ("AWS/SQS".to_owned(), metric, BTreeMap::from([owned(("QueueName", &format!("{queue}.QueueName")))]))
            }
        };
        Datum { namespace, metric: metric.to_owned(), dimensions, at, value }
    }
}

fn namespace() -> String {
    use std::sync::OnceLock;
    static NAMESPACE: OnceLock<String> = OnceLock::new();
    NAMESPACE.get_or_init(|| watch_file(ENVIRONMENT).namespace).clone()
}

/// A parameter's value; the logical id or the attribute of what AWS names.
pub(super) fn resolve(function: &Value, deployment: &Deployment, template: &Value) -> Option<String> {
    let exists = |id: &str| template["Resources"][id].is_object();
    if let Some(name) = function["Ref"].as_str() {
        return deployment.parameter(name).map(str::to_owned).or_else(|| exists(name).then(|| name.to_owned()));
    }
    let (id, attribute) = (function["Fn::GetAtt"][0].as_str()?, function["Fn::GetAtt"][1].as_str()?);
    exists(id).then(|| format!("{id}.{attribute}"))
}

/// An instant of a story, by its minute and a second in it.
pub(super) fn instant(minute: i64, second: i64) -> Timestamp {
    // 2026-11-22T12:00:00Z
    Timestamp::constant(1_795_348_800, 0) + SignedDuration::from_secs(60 * minute + second)
}
