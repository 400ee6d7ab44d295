//! What a run's measurements say about conditions: thresholds crossed, checks that could not run, databases that let
//! nobody in.

use std::collections::BTreeMap;

use config::WatchFile;
use config::watch_file::Check;
use domain::check::{Metric, Missing, Threshold};
use domain::condition::{Condition, Lasting, Observed};
use domain::fingerprint::Labels;
use domain::{Severity, Timestamp};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use store::check_states::Turn;
use watched::Failure;

use crate::ask::{Checked, Measurement, Outcome, Reading};

/// The kind of a condition that is a metric beyond its threshold; a CloudWatch alarm on the metric has it, too.
pub(crate) const METRIC: &str = "metric";
/// The kind of a condition that is a check, or a database, that could not be asked.
pub(crate) const CHECK_FAILED: &str = "check-failed";
/// How bad that is where the watch file does not say.
const FAILED_SEVERITY: Severity = Severity::High;

/// Everything that a run's measurements say something about; `turns` are those of the run before.
pub(crate) fn of(
    watch_file: &WatchFile,
    measured: &Measurement<'_>,
    turns: Option<&BTreeMap<String, Turn>>,
    now: Timestamp,
) -> Vec<Condition> {
    let databases = measured.databases.iter().map(|(name, asked)| database(watch_file, name, asked.as_ref().err()));
    let checks = measured.checked.iter().flat_map(|checked| {
        let readings = match &checked.outcome {
            Outcome::Read(readings) => readings.as_slice(),
            Outcome::Failed(_) | Outcome::Unreachable | Outcome::Remaining => &[],
        };
        let thresholds = readings.iter().filter_map(|reading| beyond(watch_file, checked.check, reading, now));
        let timed_out = turns.and_then(|turns| turns.get(&checked.check.name)).is_some_and(|turn| turn.timed_out);
        std::iter::once(could_run(watch_file, checked, timed_out, now)).chain(thresholds)
    });
    merged(databases.chain(checks))
}

/// A check and a database of one name share a condition: the worse stands, or nothing could be told apart.
fn merged(conditions: impl Iterator<Item = Condition>) -> Vec<Condition> {
    let rank = |condition: &Condition| match condition.observed {
        Observed::Beyond => 2,
        Observed::Within => 1,
        Observed::Unknown => 0,
    };
    let mut by_identity: BTreeMap<(String, String, String, Labels), Condition> = BTreeMap::new();
    for new in conditions {
        let identity = (new.check.clone(), new.kind.clone(), new.subject.clone(), new.labels.clone());
        match by_identity.get(&identity) {
            Some(old) if rank(old) >= rank(&new) => {}
            _ => drop(by_identity.insert(identity, new)),
        }
    }
    by_identity.into_values().collect()
}

fn database(watch_file: &WatchFile, name: &str, failure: Option<&Failure>) -> Condition {
    let written = watch_file.databases.get(name);
    Condition {
        severity: written.and_then(|database| database.severity).unwrap_or(FAILED_SEVERITY),
        lasting: Lasting::For(written.map_or(SignedDuration::ZERO, |database| database.failing_for)),
        ..failed(
            name,
            failure.map_or(Observed::Within, |_| Observed::Beyond),
            match failure {
                Some(why) => format!("The database {name} cannot be asked: {why}"),
                None => format!("The database {name} can be asked"),
            },
        )
    }
}

/// The condition that something could not be asked, at once and as bad as usual.
pub(crate) fn failed(name: &str, observed: Observed, summary: String) -> Condition {
    Condition {
        check: name.to_owned(),
        metric: None,
        kind: CHECK_FAILED.to_owned(),
        subject: name.to_owned(),
        labels: Labels::new(),
        severity: FAILED_SEVERITY,
        lasting: Lasting::For(SignedDuration::ZERO),
        watched: true,
        observed,
        value: None,
        timed_out: false,
        summary,
        details: Map::new(),
    }
}

/// `timed_out` is whether it ran out of its time the last time; then it runs last, and no time left for it is no excuse.
fn could_run(watch_file: &WatchFile, checked: &Checked<'_>, timed_out: bool, now: Timestamp) -> Condition {
    let check = checked.check;
    let name = &check.name;
    let unread =
        |readings: &[Reading<'_>]| readings.iter().find_map(|reading| reading.measured.as_ref().err().cloned());
    let (observed, why, timed_out) = match &checked.outcome {
        Outcome::Read(readings) => match unread(readings) {
            None => (Observed::Within, None, false),
            Some(why) => (Observed::Beyond, Some(why), false),
        },
        Outcome::Failed(failure) => (Observed::Beyond, Some(failure.to_string()), failure.timed_out),
        Outcome::Remaining if timed_out => {
            let why = "it ran out of its time before, and the others left it too little now";
            (Observed::Beyond, Some(why.to_owned()), true)
        }
        // Its database says so, once; or it runs first the next time.
        Outcome::Unreachable | Outcome::Remaining => (Observed::Unknown, None, false),
    };
    let summary = match why {
        Some(why) => format!("The check {name} could not run: {why}"),
        None => format!("The check {name} ran"),
    };
    let mut details = Map::new();
    runbook(&mut details, check.runbook.as_deref());
    Condition {
        severity: check.severity.unwrap_or(FAILED_SEVERITY),
        lasting: Lasting::For(check.failing_for),
        watched: is_open(watch_file, check.hours.as_deref(), now),
        timed_out,
        details,
        ..failed(name, observed, summary)
    }
}

/// A metric with a threshold, as it was read.
fn beyond(watch_file: &WatchFile, check: &Check, reading: &Reading<'_>, now: Timestamp) -> Option<Condition> {
    let value = reading.measured.as_ref().ok()?.value;
    let mut condition = metric(watch_file, check, reading.metric, reading.dimensions.clone(), value, now)?;
    if let Some(note) = &reading.note {
        condition.summary.push_str(&format!(" ({note})"));
    }
    Some(condition)
}

/// A metric's condition at a value; `None` where it has no threshold.
pub(crate) fn metric(
    watch_file: &WatchFile,
    check: &Check,
    metric: &Metric,
    dimensions: Labels,
    value: Option<f64>,
    now: Timestamp,
) -> Option<Condition> {
    let threshold = metric.threshold?;
    let observed = match value {
        Some(value) if threshold.is_crossed_by(value) => Observed::Beyond,
        Some(_) => Observed::Within,
        None if metric.missing == Missing::Breaching => Observed::Beyond,
        None => Observed::Unknown,
    };
    let mut details = Map::from_iter([
        ("check".to_owned(), json!(check.name)),
        ("threshold".to_owned(), json!(threshold.to_string())),
    ]);
    runbook(&mut details, metric.runbook.as_deref());
    Some(Condition {
        check: check.name.clone(),
        metric: Some(metric.name.clone()),
        kind: METRIC.to_owned(),
        subject: format!("{}/{}", watch_file.namespace, metric.name),
        severity: metric.severity.unwrap_or(FAILED_SEVERITY),
        lasting: Lasting::of(metric.lasting),
        watched: is_open(watch_file, metric.hours.as_deref(), now),
        observed,
        value,
        timed_out: false,
        summary: sentence(metric, threshold, &dimensions, value),
        labels: dimensions,
        details,
    })
}

/// Whether it is within the business hours of this name; without any, it always is.
fn is_open(watch_file: &WatchFile, hours: Option<&str>, now: Timestamp) -> bool {
    hours.and_then(|name| watch_file.hours.get(name)).is_none_or(|hours| hours.is_open(now))
}

fn runbook(details: &mut Map<String, Value>, runbook: Option<&str>) {
    details.extend(runbook.map(|place| ("runbook".to_owned(), json!(place))));
}

/// `How old the newest telemetry is: TelemetryLag (ticker ACME) is 412 Seconds, expected not above 180`.
fn sentence(metric: &Metric, threshold: Threshold, dimensions: &Labels, value: Option<f64>) -> String {
    let what = metric.summary.as_deref().map(|summary| format!("{summary}: ")).unwrap_or_default();
    let of: Vec<String> = dimensions.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let of = if of.is_empty() { String::new() } else { format!(" ({})", of.join(", ")) };
    let unit = metric.unit.as_deref().map(|unit| format!(" {unit}")).unwrap_or_default();
    let found = value.map_or("has no value".to_owned(), |value| format!("is {value}{unit}"));
    format!("{what}{}{of} {found}, expected not {threshold}", metric.name)
}
