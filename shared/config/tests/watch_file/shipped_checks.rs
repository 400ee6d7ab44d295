//! The shipped checks measure what the example pipeline promises, in every environment, and their examples are right.

use std::collections::BTreeMap;
use std::path::Path;

use config::{Environment, WatchFile};
use domain::Severity::{Critical, High, Medium};
use domain::check::Threshold::Above;
use domain::check::{Metric, Missing};
use jiff::SignedDuration;

const SHIPPED: [&str; 4] = ["local", "dev", "staging", "prod"];

fn text(environment: &str) -> anyhow::Result<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config").join(format!("{environment}.toml"));
    Ok(std::fs::read_to_string(file)?)
}

fn parse(environment: &str, text: &str) -> anyhow::Result<WatchFile> {
    Ok(WatchFile::parse(text, &format!("{environment}.toml"), &Environment::parse(environment)?)?)
}

fn metrics(watch_file: &WatchFile) -> BTreeMap<&str, &Metric> {
    let metrics = watch_file.checks.iter().flat_map(|check| &check.metrics);
    metrics.map(|metric| (metric.name.as_str(), metric)).collect()
}

#[test]
fn every_environment_measures_the_same_nine_metrics_by_the_same_queries() -> anyhow::Result<()> {
    let local = parse("local", &text("local")?)?;
    for environment in SHIPPED {
        let watch_file = parse(environment, &text(environment)?)?;
        let asks = |watch_file: &WatchFile| -> Vec<_> {
            watch_file.checks.iter().map(|check| (check.name.clone(), check.ask.clone())).collect()
        };
        assert_eq!(asks(&watch_file), asks(&local), "{environment}");
        let metrics = metrics(&watch_file);
        for (name, unit, threshold, severity, presence) in [
            ("TelemetryLag", "Seconds", Some(Above(180.0)), Some(Medium), false),
            ("BarsWritten10m", "Count", None, None, false),
            ("FeatureLag", "Seconds", Some(Above(600.0)), Some(Medium), false),
            ("FeaturesComputed10m", "Count", None, None, false),
            ("WatchlistLag", "Seconds", None, None, false),
            ("RecommendationLag", "Seconds", None, None, true),
            ("ExecutionLag", "Seconds", None, None, true),
            ("DuplicateExecutions", "Count", Some(Above(0.0)), Some(Critical), false),
            ("UnfinishedRuns", "Count", Some(Above(0.0)), Some(Critical), false),
        ] {
            let metric = metrics.get(name).ok_or_else(|| anyhow::anyhow!("{environment} has no {name}"))?;
            // The local cloud shows how a page looks with the simplest of them.
            let severity = if (environment, name) == ("local", "TelemetryLag") { Some(High) } else { severity };
            assert_eq!(metric.unit.as_deref(), Some(unit), "{environment} {name}");
            assert_eq!((metric.threshold, metric.severity), (threshold, severity), "{environment} {name}");
            assert_eq!(metric.presence, presence, "{environment} {name}");
        }
        assert_eq!(metrics.len(), 9, "{environment}");
    }
    Ok(())
}

#[test]
fn an_emptied_table_is_a_problem_and_one_duplicate_is_told_at_once() -> anyhow::Result<()> {
    for environment in SHIPPED {
        let watch_file = parse(environment, &text(environment)?)?;
        let metrics = metrics(&watch_file);
        for name in ["TelemetryLag", "FeatureLag"] {
            assert_eq!(metrics[name].missing, Missing::Breaching, "{environment} {name}");
        }
        assert_eq!(metrics["DuplicateExecutions"].lasting, Some(SignedDuration::ZERO), "{environment}");
        let local = environment == "local";
        let at_once = |metric: &&&Metric| metric.lasting == Some(SignedDuration::ZERO);
        let with_threshold = metrics.values().filter(|metric| metric.threshold.is_some());
        assert_eq!(with_threshold.filter(at_once).count(), if local { 4 } else { 1 }, "{environment}");
    }
    Ok(())
}

/// Takes the comment signs off every example of a check, up to the blank line after it.
fn with_examples(text: &str) -> (String, usize) {
    let (mut within, mut examples) = (false, 0);
    let lines = text.lines().map(|line| {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        within &= line.starts_with('#');
        if bare.starts_with("[check.") && line != bare {
            within = true;
            examples += usize::from(!bare.contains(".metric."));
        }
        if within { bare } else { line }
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    (text, examples)
}

#[test]
fn the_examples_in_comments_are_right() -> anyhow::Result<()> {
    for (environment, expected) in [("local", 3), ("prod", 2)] {
        let (text, examples) = with_examples(&text(environment)?);
        assert_eq!(examples, expected, "{environment}");
        let watch_file = parse(environment, &text)?;
        assert_eq!(watch_file.checks.len(), 6 + expected, "{environment}");
    }
    Ok(())
}
