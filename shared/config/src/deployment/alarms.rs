//! Alarms against the watch file: one threshold for one metric, and no alarm on what nobody publishes.

use domain::check::{Metric, Threshold};

use super::Deployment;
use super::template::Alarm;
use crate::functions::{ArchiverConfig, DeadmanConfig, HealthcheckConfig, PollerConfig, RouterConfig};
use crate::watch_file::{Check, WatchFile};

/// The parameter that names the namespace of our metrics, in alarms and in the permit to publish.
const NAMESPACE: &str = "Namespace";
/// The parameter that says whether there are alarms on the pipeline's metrics, and the condition they stand under.
const PIPELINE_ALARMS: &str = "PipelineAlarms";
const HAS_PIPELINE_ALARMS: &str = "HasPipelineAlarms";

/// What does not fit, one sentence each.
pub(super) fn problems(deployment: &Deployment, watch_file: &WatchFile) -> Vec<String> {
    let mut problems: Vec<String> = of_the_namespace(deployment, watch_file).into_iter().collect();
    problems.extend(of_the_metrics(deployment, watch_file));
    problems
}

/// Elsewhere nothing may be published, and no alarm would hear of it.
fn of_the_namespace(deployment: &Deployment, watch_file: &WatchFile) -> Option<String> {
    let (ours, deployed) = (&watch_file.namespace, deployment.parameter(NAMESPACE).unwrap_or_default());
    // SAM splits at blanks what is not in quotes.
    let line = if ours.contains(' ') { format!("'{NAMESPACE}=\"{ours}\"'") } else { format!("\"{NAMESPACE}={ours}\"") };
    (ours != deployed).then(|| {
        format!(
            "namespace is {ours:?}, and healthcheck may publish, and alarms listen, in {deployed:?} only; \
             [{}.deploy.parameters] in samconfig.toml needs, in parameter_overrides:\n    {line},",
            deployment.environment
        )
    })
}

fn of_the_metrics(deployment: &Deployment, watch_file: &WatchFile) -> Vec<String> {
    let environment = &deployment.environment;
    let of_the_pipeline = |alarm: &Alarm| alarm.condition.as_deref() == Some(HAS_PIPELINE_ALARMS);
    let without = deployment.parameter(PIPELINE_ALARMS) == Some("disabled");
    let ours = deployment.alarms.iter().filter(|alarm| {
        Some(alarm.namespace.as_str()) == deployment.parameter(NAMESPACE) && !(without && of_the_pipeline(alarm))
    });
    ours.filter_map(|alarm| {
        let metrics =
            watch_file.checks.iter().flat_map(|check| check.metrics.iter().map(move |metric| (check, metric)));
        let same = |(_, metric): &(&Check, &Metric)| metric.name == alarm.metric;
        let why = match metrics.clone().find(same) {
            Some((check, metric)) => against(alarm, check, metric)?,
            None if is_published_otherwise(alarm, metrics.map(|(_, metric)| metric)) => return None,
            None if of_the_pipeline(alarm) => format!(
                "no check publishes that: add one, or go without the alarms of the pipeline and add, to \
                 parameter_overrides of [{environment}.deploy.parameters] in samconfig.toml:\n    \
                 \"{PIPELINE_ALARMS}=disabled\","
            ),
            None => "no check publishes that: add one, or take the alarm out of template.yaml".to_owned(),
        };
        Some(format!("alarm {} on {}: {why}", alarm.id, alarm.metric))
    })
    .collect()
}

fn against(alarm: &Alarm, check: &Check, metric: &Metric) -> Option<String> {
    if !check.dimensions.is_empty() {
        let check = &check.name;
        return Some(format!(
            "check.{check} publishes it by dimensions, and the alarm, which names none, sees no value"
        ));
    }
    let (comparison, limit, word) = match metric.threshold {
        Some(Threshold::Above(limit)) => ("GreaterThanThreshold", limit, "above"),
        Some(Threshold::Below(limit)) => ("LessThanThreshold", limit, "below"),
        None => return Some("the watch file gives it no threshold: add `above` or `below`".to_owned()),
    };
    // Both are written by hand: equal or not, nothing in between.
    let same = alarm.comparison == comparison && alarm.threshold.total_cmp(&limit).is_eq();
    (!same).then(|| {
        format!(
            "template.yaml and samconfig.toml say {} {}, the watch file says {word} = {limit}: one has to follow the other",
            alarm.comparison, alarm.threshold
        )
    })
}

/// What the suite says of itself, what makers of forecasts say, and what says whether a metric has a value.
fn is_published_otherwise<'m>(alarm: &Alarm, mut metrics: impl Iterator<Item = &'m Metric>) -> bool {
    let published = alarm.metric.as_str();
    published == HealthcheckConfig::HEARTBEAT
        || RouterConfig::METRICS.contains(&published)
        || DeadmanConfig::METRICS.contains(&published)
        || PollerConfig::METRICS.contains(&published)
        || ArchiverConfig::METRICS.contains(&published)
        || metrics.any(|metric| alarm.metric.strip_suffix("Present") == Some(metric.name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    fn watch_file(metric: &str, dimensions: &str) -> WatchFile {
        let text = format!(
            "namespace = \"Example\"\n[database.main]\nurl = \"ssm:database/main\"\n[check.lag]\ndatabase = \"main\"\n\
             sql = \"select 1 as lag\"\n{dimensions}[check.lag.metric.lag]\nname = \"Lag\"\n{metric}\n\
             [receiver.mail]\nsns = {{ topic = \"pages\" }}\n[routes]\ndefault = [\"mail\"]\n"
        );
        let environment = Environment::parse("dev").expect("an environment");
        WatchFile::parse(&text, "dev.toml", &environment).expect("a watch file")
    }

    /// What is said of one alarm, which stands under the pipeline's condition.
    fn told_with(alarm_on: &str, parameters: &[(&str, &str)], watch_file: &WatchFile) -> Vec<String> {
        let alarm = Alarm {
            id: "LagAlarm".to_owned(),
            namespace: "Example".to_owned(),
            metric: alarm_on.to_owned(),
            threshold: 180.0,
            comparison: "GreaterThanThreshold".to_owned(),
            period: 60,
            periods: 1,
            condition: Some(HAS_PIPELINE_ALARMS.to_owned()),
        };
        let deployment = Deployment {
            environment: watch_file.environment.clone(),
            region: None,
            parameters: parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            alarms: vec![alarm],
        };
        problems(&deployment, watch_file)
    }

    fn told(alarm_on: &str, metric: &str, dimensions: &str) -> Vec<String> {
        told_with(alarm_on, &[(NAMESPACE, "Example")], &watch_file(metric, dimensions))
    }

    #[test]
    fn one_threshold_in_one_direction_is_fine_and_anything_else_is_told() {
        assert_eq!(told("Lag", "above = 180\nseverity = \"LOW\"", ""), Vec::<String>::new());
        for (metric, dimensions, named) in [
            ("above = 200\nseverity = \"LOW\"", "", "above = 200"),
            ("below = 180\nseverity = \"LOW\"", "", "below = 180"),
            ("", "", "no threshold"),
            ("above = 180\nseverity = \"LOW\"", "dimensions = [\"ticker\"]\n", "by dimensions"),
        ] {
            let told = told("Lag", metric, dimensions);
            assert!(matches!(told.as_slice(), [one] if one.contains("LagAlarm") && one.contains(named)), "{told:?}");
        }
    }

    #[test]
    fn an_alarm_on_what_nobody_publishes_is_told() {
        let told = told("Lags", "above = 180\nseverity = \"LOW\"", "");
        assert!(matches!(told.as_slice(), [one] if one.contains("no check publishes")), "{told:?}");
    }

    #[test]
    fn whoever_has_no_such_metrics_is_told_how_to_go_without_the_alarms_and_then_may() {
        let told = |switch| {
            let parameters = [(NAMESPACE, "Example"), (PIPELINE_ALARMS, switch)];
            told_with("Lags", &parameters, &watch_file("", ""))
        };
        let enabled = told("enabled");
        let line = "[dev.deploy.parameters] in samconfig.toml:\n    \"PipelineAlarms=disabled\",";
        assert!(matches!(enabled.as_slice(), [one] if one.contains(line)), "{enabled:?}");
        assert_eq!(told("disabled"), Vec::<String>::new());
    }

    #[test]
    fn another_namespace_than_the_deployed_one_comes_with_the_line_to_add() {
        for (namespace, line) in [("Acme", "    \"Namespace=Acme\","), ("Acme Data", "    'Namespace=\"Acme Data\"',")]
        {
            let watch_file =
                WatchFile { namespace: namespace.to_owned(), ..watch_file("above = 180\nseverity = \"LOW\"", "") };
            let told = told_with("Lag", &[(NAMESPACE, "Example")], &watch_file);
            assert!(matches!(told.as_slice(), [one] if one.ends_with(line) && one.contains("[dev.deploy")), "{told:?}");
        }
    }

    #[test]
    fn presence_and_the_heartbeat_are_published_without_being_written() {
        for metric in
            ["LagPresent", HealthcheckConfig::HEARTBEAT, RouterConfig::OLDEST_DELIVERY, DeadmanConfig::HEARTBEAT]
        {
            assert_eq!(told(metric, "", ""), Vec::<String>::new(), "{metric}");
        }
    }
}
