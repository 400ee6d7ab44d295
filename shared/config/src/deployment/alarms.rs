//! Alarms against the watch file: one threshold for one metric, and no alarm on what nobody publishes.

use domain::check::{Metric, Threshold};

use super::template::Alarm;
use crate::functions::{HealthcheckConfig, RouterConfig};
use crate::watch_file::{Check, WatchFile};

/// What does not fit, one sentence each.
pub(super) fn problems(alarms: &[Alarm], watch_file: &WatchFile) -> Vec<String> {
    let ours = alarms.iter().filter(|alarm| alarm.namespace == watch_file.namespace);
    ours.filter_map(|alarm| {
        let metrics =
            watch_file.checks.iter().flat_map(|check| check.metrics.iter().map(move |metric| (check, metric)));
        let same = |(_, metric): &(&Check, &Metric)| metric.name == alarm.metric;
        let why = match metrics.clone().find(same) {
            Some((check, metric)) => against(alarm, check, metric)?,
            None if is_published_otherwise(alarm, metrics.map(|(_, metric)| metric)) => return None,
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

/// What the suite says of itself, and what says whether a metric has a value.
fn is_published_otherwise<'m>(alarm: &Alarm, mut metrics: impl Iterator<Item = &'m Metric>) -> bool {
    [HealthcheckConfig::HEARTBEAT, RouterConfig::OLDEST_DELIVERY].contains(&alarm.metric.as_str())
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

    fn told(alarm_on: &str, metric: &str, dimensions: &str) -> Vec<String> {
        let alarm = Alarm {
            id: "LagAlarm".to_owned(),
            namespace: "Example".to_owned(),
            metric: alarm_on.to_owned(),
            threshold: 180.0,
            comparison: "GreaterThanThreshold".to_owned(),
            period: 60,
            periods: 1,
        };
        problems(&[alarm], &watch_file(metric, dimensions))
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
    fn presence_and_the_heartbeat_are_published_without_being_written() {
        for metric in ["LagPresent", HealthcheckConfig::HEARTBEAT, RouterConfig::OLDEST_DELIVERY] {
            assert_eq!(told(metric, "", ""), Vec::<String>::new(), "{metric}");
        }
    }
}
