//! Reads an alarm from the properties of an `AWS::CloudWatch::Alarm`, and refuses what is not simulated.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html>

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::alarm::{Alarm, Comparison, Missing, Statistic, WarmUp};

/// Properties that decide nothing about the state.
const SILENT: [&str; 7] =
    ["ActionsEnabled", "AlarmActions", "AlarmDescription", "AlarmName", "InsufficientDataActions", "OKActions", "Tags"];
/// Properties that are read here.
const READ: [&str; 11] = [
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluationPeriods",
    "MetricName",
    "Namespace",
    "Period",
    "Statistic",
    "Threshold",
    "TreatMissingData",
    "WarmUpConfiguration",
];

impl Alarm {
    /// Reads the properties; `resolve` says what an intrinsic function (`{"Ref": …}`, `{"Fn::GetAtt": …}`) stands for.
    ///
    /// # Errors
    /// Names the property that is missing, cannot be read, or is not simulated.
    pub fn from_properties(properties: &Value, resolve: &dyn Fn(&Value) -> Option<String>) -> Result<Self> {
        let all = properties.as_object().context("an alarm's properties are not an object")?;
        if let Some(other) = all.keys().find(|key| !READ.contains(&key.as_str()) && !SILENT.contains(&key.as_str())) {
            bail!("{other} is not simulated");
        }
        let text = |of: &Value, key: &str| -> Result<Option<String>> {
            match &of[key] {
                Value::Null => Ok(None),
                Value::String(text) => Ok(Some(text.clone())),
                Value::Object(_) => {
                    resolve(&of[key]).map(Some).with_context(|| format!("{key}: {} stands for nothing", of[key]))
                }
                other => Ok(Some(other.to_string())),
            }
        };
        let given = |key: &str| text(properties, key)?.with_context(|| format!("{key} is missing"));
        let number = |key: &str| -> Result<i64> {
            let text = given(key)?;
            text.parse().with_context(|| format!("{key} is {text:?}, expected a whole number"))
        };
        let count = |key: &str| -> Result<usize> {
            let number = number(key)?;
            usize::try_from(number).ok().filter(|count| *count > 0).with_context(|| format!("{key} is {number}"))
        };
        let dimensions = properties["Dimensions"].as_array().into_iter().flatten().map(|one| {
            let part = |key: &str| text(one, key)?.with_context(|| format!("a dimension without {key}: {one}"));
            Ok((part("Name")?, part("Value")?))
        });
        let period = number("Period")?;
        if !matches!(period, 10 | 20 | 30) && (period <= 0 || period % 60 != 0) {
            bail!("Period is {period}, expected 10, 20, 30 or a multiple of 60");
        }
        let evaluation_periods = count("EvaluationPeriods")?;
        let threshold = given("Threshold")?;
        Ok(Self {
            namespace: given("Namespace")?,
            metric: given("MetricName")?,
            dimensions: dimensions.collect::<Result<BTreeMap<_, _>>>()?,
            statistic: statistic(&given("Statistic")?)?,
            period,
            evaluation_periods,
            datapoints_to_alarm: match properties["DatapointsToAlarm"] {
                Value::Null => evaluation_periods,
                _ => count("DatapointsToAlarm")?,
            },
            comparison: comparison(&given("ComparisonOperator")?)?,
            threshold: threshold.parse().with_context(|| format!("Threshold is {threshold:?}"))?,
            missing: missing(text(properties, "TreatMissingData")?.as_deref())?,
            warm_up: warm_up(&properties["WarmUpConfiguration"])?,
        })
    }
}

fn statistic(name: &str) -> Result<Statistic> {
    Ok(match name {
        "Sum" => Statistic::Sum,
        "Average" => Statistic::Average,
        "Minimum" => Statistic::Minimum,
        "Maximum" => Statistic::Maximum,
        "SampleCount" => Statistic::SampleCount,
        other => bail!("Statistic {other:?} is not simulated"),
    })
}

fn comparison(name: &str) -> Result<Comparison> {
    Ok(match name {
        "GreaterThanThreshold" => Comparison::Greater,
        "GreaterThanOrEqualToThreshold" => Comparison::GreaterOrEqual,
        "LessThanThreshold" => Comparison::Less,
        "LessThanOrEqualToThreshold" => Comparison::LessOrEqual,
        other => bail!("ComparisonOperator {other:?} is not simulated"),
    })
}

fn missing(name: Option<&str>) -> Result<Missing> {
    Ok(match name {
        None | Some("missing") => Missing::Missing,
        Some("ignore") => Missing::Ignore,
        Some("breaching") => Missing::Breaching,
        Some("notBreaching") => Missing::NotBreaching,
        Some(other) => bail!("TreatMissingData {other:?} does not exist"),
    })
}

fn warm_up(configuration: &Value) -> Result<Option<WarmUp>> {
    if configuration.is_null() {
        return Ok(None);
    }
    let minutes = configuration["WarmUpPeriodDurationInMinutes"].as_i64();
    // Two days at most (the API reference of WarmUpConfiguration).
    let minutes = minutes.filter(|minutes| (1..=2_880).contains(minutes));
    let minutes =
        minutes.with_context(|| format!("WarmUpConfiguration {configuration}: expected 1 to 2880 minutes"))?;
    let whole = configuration["OnlyStartEvaluatingAfterWarmUpPeriodEnds"].as_bool().unwrap_or_default();
    Ok(Some(WarmUp { minutes, whole }))
}
