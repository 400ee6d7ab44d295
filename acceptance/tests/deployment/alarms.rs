//! The alarms: CloudWatch takes them, somebody hears them, and they agree with what is measured.

use std::collections::{BTreeMap, BTreeSet};

use config::{ForecastMetrics, RouterConfig};
use localstack::operations::FUNCTIONS;
use serde_json::{Value, json};
use testkit::binaries::workspace;

use crate::template::{ENVIRONMENTS, deployment, number, resources, template, watch_file};

/// Alarms about what is watched; all others are about Watchkeeper itself.
const OF_THE_PIPELINE: [&str; 4] =
    ["DuplicateExecutionsAlarm", "FeatureLagAlarm", "TelemetryLagAlarm", "UnfinishedRunsAlarm"];
/// Those of them that are there when somebody makes forecasts.
const OF_FORECASTS: [&str; 2] = ["MediumRangeStaleAlarm", "NowcastStaleAlarm"];

fn alarms() -> BTreeMap<&'static str, &'static Value> {
    resources("AWS::CloudWatch::Alarm")
}

#[test]
fn alarms_and_watch_files_agree_in_every_environment() {
    for environment in ENVIRONMENTS {
        assert_eq!(deployment(environment).problems(&watch_file(environment)), Vec::<String>::new(), "{environment}");
    }
}

#[test]
fn check_config_reads_from_the_template_what_sam_makes_of_it() {
    for environment in ENVIRONMENTS {
        let deployment = deployment(environment);
        let read: BTreeSet<String> = deployment.alarms().iter().map(|alarm| alarm.id.clone()).collect();
        let on_one_metric = |(id, alarm): (&str, &Value)| alarm["Metrics"].is_null().then(|| id.to_owned());
        assert_eq!(read, alarms().into_iter().filter_map(on_one_metric).collect(), "{environment}");
        for alarm in deployment.alarms() {
            let made = alarms()[alarm.id.as_str()];
            let named = made["Namespace"]["Ref"].as_str().and_then(|parameter| deployment.parameter(parameter));
            assert_eq!(named.or(made["Namespace"].as_str()), Some(alarm.namespace.as_str()), "{environment}");
            let condition = template()["Resources"][&alarm.id]["Condition"].as_str();
            assert_eq!(condition, alarm.condition.as_deref(), "{environment}: {}", alarm.id);
            assert_eq!(made["MetricName"], alarm.metric.as_str(), "{environment}");
            assert_eq!(made["ComparisonOperator"], alarm.comparison.as_str(), "{environment}: {}", alarm.id);
            let (period, periods) = (alarm.period as f64, alarm.periods as f64);
            assert_eq!(number(&made["Threshold"], &deployment), alarm.threshold, "{environment}: {}", alarm.id);
            assert_eq!(number(&made["Period"], &deployment), period, "{environment}: {}", alarm.id);
            assert_eq!(number(&made["EvaluationPeriods"], &deployment), periods, "{environment}: {}", alarm.id);
        }
    }
}

#[test]
fn cloudwatch_accepts_the_window_of_every_alarm() {
    // Period × EvaluationPeriods: at most a day below one-hour periods, else a week (PutMetricAlarm's API reference).
    for environment in ENVIRONMENTS {
        for alarm in deployment(environment).alarms() {
            let (id, period) = (&alarm.id, alarm.period);
            assert!(
                matches!(period, 10 | 20 | 30) || (period > 0 && period % 60 == 0),
                "{environment}, {id}: {period} s"
            );
            let longest = if period < 3_600 { 86_400 } else { 604_800 };
            assert!(period * alarm.periods <= longest, "{environment}, {id}: {period} s × {}", alarm.periods);
        }
    }
}

#[test]
fn the_four_alarms_of_the_pipeline_wait_as_long_as_they_should() {
    let deployment = deployment("prod");
    for (metric, threshold, periods, missing) in [
        ("TelemetryLag", 180.0, 2, "breaching"),
        ("FeatureLag", 600.0, 2, "breaching"),
        ("UnfinishedRuns", 0.0, 2, "ignore"),
        ("DuplicateExecutions", 0.0, 1, "ignore"),
    ] {
        let alarm = deployment.alarms().iter().find(|alarm| alarm.metric == metric).expect(metric);
        assert_eq!((alarm.threshold, alarm.period, alarm.periods), (threshold, 300, periods), "{metric}");
        assert_eq!(alarm.comparison, "GreaterThanThreshold", "{metric}");
        let made = alarms()[alarm.id.as_str()];
        assert_eq!((&made["Statistic"], &made["TreatMissingData"]), (&json!("Maximum"), &json!(missing)), "{metric}");
    }
}

#[test]
fn pipeline_alarms_go_to_the_router_and_alarms_about_watchkeeper_straight_to_people() {
    let direct = json!({"Fn::If": ["HasDirectAlarmEmail", {"Ref": "DirectTopic"}, {"Ref": "AWS::NoValue"}]});
    let pipeline = json!([{"Ref": "AlarmsTopic"}, direct]);
    for (id, alarm) in alarms() {
        if OF_THE_PIPELINE.contains(&id) || OF_FORECASTS.contains(&id) {
            assert_eq!((&alarm["AlarmActions"], &alarm["OKActions"]), (&pipeline, &pipeline), "{id}");
        } else {
            assert_eq!(alarm["AlarmActions"], json!([{"Ref": "SelfTopic"}]), "{id}");
        }
        assert!(alarm["TreatMissingData"].is_string(), "{id} says what missing data mean");
    }
}

#[test]
fn exactly_the_alarms_of_the_pipeline_and_of_forecasts_go_when_they_are_disabled() {
    for (parameter, ids) in
        [("PipelineAlarms", OF_THE_PIPELINE.as_slice()), ("ForecastAlarms", OF_FORECASTS.as_slice())]
    {
        let condition = format!("Has{parameter}");
        assert_eq!(
            template()["Conditions"][&condition],
            json!({"Fn::Equals": [{"Ref": parameter}, "enabled"]}),
            "{parameter}"
        );
        let gone = |id: &&str| template()["Resources"][*id]["Condition"] == condition.as_str();
        assert_eq!(alarms().into_keys().filter(gone).collect::<Vec<_>>(), ids, "{parameter}");
    }
}

#[test]
fn alarms_on_forecasts_are_there_only_for_who_asks_for_them() {
    for environment in ENVIRONMENTS {
        // Nobody publishes ForecastReady by himself: deployed unasked, they would alarm for ever.
        assert_eq!(deployment(environment).parameter("ForecastAlarms"), Some("disabled"), "{environment}");
    }
}

#[test]
fn alarms_on_forecasts_listen_to_what_makers_of_forecasts_are_told_to_send() {
    for (id, forecast) in OF_FORECASTS.into_iter().zip([ForecastMetrics::MEDIUM_RANGE, ForecastMetrics::NOWCAST]) {
        let own = forecast.map(|(name, value)| json!({"Name": name, "Value": value}));
        let environment = json!({"Name": "Environment", "Value": {"Ref": "Environment"}});
        let dimensions: Value = std::iter::once(environment).chain(own).collect();
        let alarm = alarms()[id];
        assert_eq!((&alarm["MetricName"], &alarm["Dimensions"]), (&json!(ForecastMetrics::READY), &dimensions), "{id}");
        assert_eq!(alarm["Namespace"], json!({"Ref": "Namespace"}), "{id}");
        assert!(alarm["AlarmDescription"].as_str().is_some_and(|text| text.contains("severity=CRITICAL")), "{id}");
    }
}

#[test]
fn every_function_has_an_alarm_on_its_errors_and_on_its_throttles() {
    for function in FUNCTIONS {
        for metric in ["Errors", "Throttles"] {
            let dimensions = json!([{"Name": "FunctionName", "Value": {"Ref": function.resource}}]);
            let watches = |alarm: &&Value| {
                alarm["Namespace"] == "AWS/Lambda" && alarm["MetricName"] == metric && alarm["Dimensions"] == dimensions
            };
            assert!(alarms().into_values().any(|alarm| watches(&alarm)), "{}: {metric}", function.name);
        }
    }
}

#[test]
fn every_metric_that_an_alarm_reckons_with_is_one_that_the_router_publishes() {
    let published = |name: &str| RouterConfig::METRICS.contains(&name) || name == RouterConfig::SIGNALS_SUPPRESSED;
    let queries = alarms().into_values().flat_map(|alarm| alarm["Metrics"].as_array().into_iter().flatten());
    let metrics: Vec<&Value> =
        queries.map(|query| &query["MetricStat"]["Metric"]).filter(|metric| metric.is_object()).collect();
    assert!(!metrics.is_empty());
    for metric in metrics {
        assert_eq!(metric["Namespace"], json!({"Ref": "Namespace"}));
        assert!(metric["MetricName"].as_str().is_some_and(published), "{metric}");
    }
}

#[test]
fn every_alarm_leads_to_a_runbook() {
    let runbooks = std::fs::read_to_string(workspace().join("docs/RUNBOOKS.md")).expect("runbooks");
    let headings: Vec<&str> = runbooks.lines().filter(|line| line.starts_with("## ")).collect();
    for (id, alarm) in alarms() {
        let description = alarm["AlarmDescription"].as_str().expect("a description");
        assert!(description.contains("docs/RUNBOOKS.md"), "{id}: {description}");
        let name = alarm["AlarmName"]["Fn::Sub"].as_str().and_then(|name| name.strip_prefix("${AWS::StackName}-"));
        let name = format!("`{}`", name.unwrap_or_else(|| panic!("{id}: a name that begins with the stack's")));
        assert!(headings.iter().any(|heading| heading.contains(&name)), "docs/RUNBOOKS.md has no heading with {name}");
    }
}
