//! `template.yaml`, as SAM translates it, against the code and the watch files.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use config::{Branch, Environment, HealthcheckConfig, MigratorConfig, RouterConfig, WatchFile};
use domain::check::Threshold;
use serde_json::Value;
use testkit::binaries::workspace;

/// Every function: its resource, its role, what it reads.
const FUNCTIONS: [(&str, &str, &[&str], &[Branch]); 3] = [
    ("AlertRouterFunction", "AlertRouterRole", RouterConfig::REQUIRED, RouterConfig::BRANCHES),
    ("HealthcheckFunction", "HealthcheckRole", HealthcheckConfig::REQUIRED, HealthcheckConfig::BRANCHES),
    ("MigratorFunction", "MigratorRole", MigratorConfig::REQUIRED, MigratorConfig::BRANCHES),
];

/// What the SDK or TLS reads, and no code of ours.
const OF_LIBRARIES: [&str; 1] = ["SSL_CERT_FILE"];

fn template() -> &'static Value {
    static TRANSLATED: OnceLock<Value> = OnceLock::new();
    TRANSLATED.get_or_init(|| localstack::lint::translated().expect("SAM translates it"))
}

#[test]
fn every_variable_is_read_and_every_variable_that_is_read_is_set() {
    for (function, _, required, _) in FUNCTIONS {
        let variables = &template()["Resources"][function]["Properties"]["Environment"]["Variables"];
        let set: BTreeSet<&str> = variables.as_object().expect("variables").keys().map(String::as_str).collect();
        let read: BTreeSet<&str> = required.iter().chain(&OF_LIBRARIES).copied().collect();
        assert_eq!(set, read, "{function}");
    }
}

#[test]
fn a_role_may_read_exactly_the_branches_that_its_function_reads() {
    for (function, role, _, branches) in FUNCTIONS {
        let policies = template()["Resources"][role]["Properties"]["Policies"].to_string();
        for branch in Branch::ALL {
            let may_read = policies.contains(&format!("/watchkeeper/{}*", branch.as_str()));
            assert_eq!(may_read, branches.contains(&branch), "{function} and the branch {}", branch.as_str());
        }
    }
}

#[test]
fn a_permission_on_everything_has_a_condition() {
    for (function, role, _, _) in FUNCTIONS {
        for policy in template()["Resources"][role]["Properties"]["Policies"].as_array().expect("policies") {
            for statement in policy["PolicyDocument"]["Statement"].as_array().expect("statements") {
                let wide = statement["Resource"] == "*" || statement["Action"].to_string().contains('*');
                assert!(!wide || statement["Condition"].is_object(), "{function}: {statement}");
            }
        }
    }
}

#[test]
fn alarms_and_watch_files_have_one_threshold_for_one_metric() {
    let resources = template()["Resources"].as_object().expect("resources");
    let alarms = resources.values().filter(|resource| resource["Type"] == "AWS::CloudWatch::Alarm");
    let mut compared = 0;
    for environment in ["local", "dev", "staging", "prod"] {
        let path = workspace().join(format!("config/{environment}.toml"));
        let environment = Environment::parse(environment).expect("an environment");
        let watch_file = WatchFile::load(&path, &environment).expect("a watch file without mistakes");
        for alarm in alarms.clone() {
            let properties = &alarm["Properties"];
            let metrics = watch_file.checks.iter().flat_map(|check| &check.metrics);
            let Some(metric) = metrics.into_iter().find(|metric| properties["MetricName"] == metric.name.as_str())
            else {
                continue;
            };
            assert_eq!(properties["Namespace"], watch_file.namespace.as_str(), "{environment}: {}", metric.name);
            let parameter = properties["Threshold"]["Ref"].as_str().expect("a parameter");
            let threshold = template()["Parameters"][parameter]["Default"].as_f64();
            let written = metric.threshold.map(|threshold| match threshold {
                Threshold::Above(value) | Threshold::Below(value) => value,
            });
            assert_eq!(threshold, written, "{environment}: {}", metric.name);
            compared += 1;
        }
    }
    assert!(compared >= 4, "every environment watches TelemetryLag");
}

#[test]
fn cloudwatch_accepts_the_window_of_every_alarm() {
    // Period × EvaluationPeriods: at most a day below one-hour periods, else a week (PutMetricAlarm's API reference).
    let resources = template()["Resources"].as_object().expect("resources");
    for (name, alarm) in resources.iter().filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm") {
        let number = |field: &str| {
            let value = &alarm["Properties"][field];
            let parameter = value["Ref"].as_str().map(|parameter| &template()["Parameters"][parameter]["Default"]);
            parameter.unwrap_or(value).as_u64().unwrap_or_else(|| panic!("{name}: {field}"))
        };
        let (period, periods) = (number("Period"), number("EvaluationPeriods"));
        assert!(matches!(period, 10 | 20 | 30) || period % 60 == 0, "{name}: {period} s");
        assert!(period * periods <= if period < 3_600 { 86_400 } else { 604_800 }, "{name}: {period} s × {periods}");
    }
}
