//! The metrics of a check: what a column counts, and where it becomes a problem.

use std::collections::{BTreeMap, BTreeSet};

use domain::Severity;
use domain::check::{Metric, Missing, PRESENCE_SUFFIX, Threshold};
use domain::severity::UnknownSeverity;
use jiff::SignedDuration;

use super::check::no_such;
use super::names::{UNITS, expect_metric_name};
use super::reader::{Found, Table};

/// What `[check.NAME.metric.COLUMN]` may say.
pub(super) const KEYS: [&str; 11] =
    ["name", "unit", "above", "below", "for", "severity", "presence", "missing", "hours", "summary", "runbook"];

/// What the metrics of a file must not get in each other's way with, and what they may name.
pub(super) struct Names<'a> {
    /// The names that are sent already, with the place that sends them.
    pub(super) sent: BTreeMap<String, String>,
    /// The business hours there are.
    pub(super) hours: &'a BTreeSet<String>,
}

impl Names<'_> {
    /// Takes a metric's name and that of its presence; where it is taken already, who has it.
    pub(super) fn take(&mut self, name: &str, here: &str) -> Result<(), String> {
        let sends = [name.to_owned(), format!("{name}{PRESENCE_SUFFIX}")];
        let taken = sends.iter().find_map(|sent| Some((sent, self.sent.get(sent)?)));
        let told = taken.map(|(sent, there)| format!("{there} already sends a metric called {sent}"));
        self.sent.extend(sends.into_iter().map(|sent| (sent, here.to_owned())));
        told.map_or(Ok(()), Err)
    }

    /// The business hours that a table names.
    pub(super) fn hours(&self, table: &Table<'_>) -> Option<String> {
        let hours = table.text("hours")?;
        if !self.hours.contains(hours.value) {
            table.note_at(&hours, no_such("[hours.NAME] called", hours.value, self.hours));
        }
        Some(hours.value.to_owned())
    }
}

/// One metric, as it is written.
pub(super) fn metric(column: &str, table: &Table<'_>, check: &str, names: &mut Names<'_>) -> Option<Metric> {
    let name = table.required_text("name", "its CloudWatch name, as in \"TelemetryLag\"");
    if let Some(name) = &name {
        expect_metric_name(table, name);
        if let Err(taken) = names.take(name.value, &format!("check.{check}.metric.{column}")) {
            table.note_at(name, taken);
        }
    }
    let unit = table.text("unit");
    if let Some(unit) = &unit
        && !UNITS.contains(&unit.value)
    {
        table.note_at(unit, no_such("CloudWatch unit", unit.value, UNITS));
    }
    let threshold = threshold(table);
    let severity = severity(table);
    for key in ["for", "severity", "missing"] {
        if table.has(key) && !table.has("above") && !table.has("below") {
            table.note(format!("`{key}` says nothing without `above` or `below`"));
        }
    }
    if threshold.is_some() {
        table.require("severity", "how bad it is beyond the threshold: CRITICAL, HIGH, MEDIUM or LOW");
    }
    Some(Metric {
        column: column.to_owned(),
        name: name?.value.to_owned(),
        unit: unit.map(|unit| unit.value.to_owned()),
        threshold,
        lasting: table.duration("for").map(|lasting| lasting.value),
        severity,
        presence: table.flag("presence"),
        missing: missing(table),
        hours: names.hours(table),
        summary: text(table, "summary"),
        runbook: text(table, "runbook"),
    })
}

fn threshold(table: &Table<'_>) -> Option<Threshold> {
    let above = table.number("above").map(Threshold::Above);
    let below = table.number("below").map(Threshold::Below);
    if above.is_some() && below.is_some() {
        table.note("expected `above` or `below`, not both: write two metrics");
    }
    above.or(below)
}

fn missing(table: &Table<'_>) -> Missing {
    let Some(word) = table.text("missing") else { return Missing::default() };
    let known = Missing::ALL.into_iter().find(|(name, _)| *name == word.value);
    known.map_or_else(
        || {
            let words = Missing::ALL.map(|(name, _)| name);
            table.note_at(&word, no_such("way to take a missing value called", word.value, words));
            Missing::default()
        },
        |(_, missing)| missing,
    )
}

/// The severity that a table writes.
pub(super) fn severity(table: &Table<'_>) -> Option<Severity> {
    let word = table.text("severity")?;
    let severity: Result<Severity, UnknownSeverity> = word.value.parse();
    if let Err(unknown) = &severity {
        table.note_at(&word, unknown.to_string());
    }
    severity.ok()
}

/// A length of time of at least a second and at most `longest`.
pub(super) fn within(table: &Table<'_>, key: &str, longest: SignedDuration) -> Option<SignedDuration> {
    let length = table.duration(key)?;
    if !(SignedDuration::from_secs(1)..=longest).contains(&length.value) {
        table.note_at(&length, format!("expected 1s to {}s", longest.as_secs()));
    }
    Some(length.value)
}

/// A text that a table may have.
pub(super) fn text(table: &Table<'_>, key: &str) -> Option<String> {
    table.text(key).map(|text: Found<&str>| text.value.to_owned())
}
