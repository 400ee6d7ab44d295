//! Databases, the checks that ask them, and the metrics of each check.

use std::collections::BTreeMap;

use domain::Severity;
use domain::check::{Metric, PRESENCE_SUFFIX, Threshold};
use domain::severity::UnknownSeverity;
use jiff::SignedDuration;

use super::names::{UNITS, expect_kebab_case, expect_metric_name};
use super::reader::{Found, Table};
use crate::nearest::nearest;
use crate::reference::SecretRef;

/// A database that checks ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// Its address, a secret since it carries a password.
    pub url: SecretRef,
    /// How long one check's statement may take.
    pub statement_timeout: SignedDuration,
}

/// A measurement by SQL.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// The database it asks.
    pub database: String,
    /// One statement that answers one row.
    pub sql: String,
    /// What it measures, for people.
    pub summary: Option<String>,
    /// Where it says what to do.
    pub runbook: Option<String>,
    /// The columns of the row that count, in the order they are written.
    pub metrics: Vec<Metric>,
}

/// How long a statement may take where the watch file does not say.
pub const DEFAULT_STATEMENT_TIMEOUT: SignedDuration = SignedDuration::from_secs(5);
/// The longest: a few checks that hang must leave time for the others in one invocation.
pub const LONGEST_STATEMENT_TIMEOUT: SignedDuration = SignedDuration::from_secs(25);

/// The databases by name; `None` where one is written but wrong, so that its checks are not blamed as well.
pub(super) fn databases(root: &Table<'_>) -> BTreeMap<String, Option<Database>> {
    let mut databases = BTreeMap::new();
    for (name, table) in root.named("database", &["url", "statement_timeout"]) {
        expect_kebab_case(&table, &name);
        databases.insert(name.value.to_owned(), database(&table));
    }
    databases
}

fn database(table: &Table<'_>) -> Option<Database> {
    let url = table.required_text("url", "a reference to its address, as in \"ssm:database/pipeline_url\"");
    let timeout = table.duration("statement_timeout");
    if let Some(timeout) = &timeout
        && !(SignedDuration::from_secs(1)..=LONGEST_STATEMENT_TIMEOUT).contains(&timeout.value)
    {
        table.note_at(timeout, format!("expected 1s to {}s", LONGEST_STATEMENT_TIMEOUT.as_secs()));
    }
    let url = url?;
    match SecretRef::parse(url.value, "database/pipeline_url") {
        Ok(url) => Some(Database {
            url,
            statement_timeout: timeout.map_or(DEFAULT_STATEMENT_TIMEOUT, |timeout| timeout.value),
        }),
        Err(bad) => {
            table.note_at(&url, bad.to_string());
            None
        }
    }
}

/// The checks, in the order they are written.
pub(super) fn checks(root: &Table<'_>, databases: &BTreeMap<String, Option<Database>>) -> Vec<Check> {
    let mut taken = BTreeMap::new();
    let keys = ["database", "sql", "summary", "runbook", "metric"];
    root.named("check", &keys)
        .into_iter()
        .filter_map(|(name, table)| check(&name, &table, databases, &mut taken))
        .collect()
}

fn check(
    name: &Found<&str>,
    table: &Table<'_>,
    databases: &BTreeMap<String, Option<Database>>,
    taken: &mut BTreeMap<String, String>,
) -> Option<Check> {
    expect_kebab_case(table, name);
    let database = table.required_text("database", "the name of the database it asks");
    if let Some(database) = &database
        && !databases.contains_key(database.value)
    {
        table.note_at(database, no_such("database", database.value, databases.keys()));
    }
    let sql = table.required_text("sql", "one statement that answers one row, with a column for each metric");
    let summary = text(table, "summary");
    let runbook = text(table, "runbook");
    table.require("metric", "at least one [check.NAME.metric.COLUMN], or nothing is measured");
    let keys = ["name", "unit", "above", "below", "for", "severity", "presence", "summary", "runbook"];
    let metrics = table
        .named("metric", &keys)
        .into_iter()
        .filter_map(|(column, table)| {
            let mut metric = metric(column.value, &table, name.value, taken)?;
            metric.summary = metric.summary.or_else(|| summary.clone());
            metric.runbook = metric.runbook.or_else(|| runbook.clone());
            Some(metric)
        })
        .collect();
    Some(Check {
        name: name.value.to_owned(),
        database: database?.value.to_owned(),
        sql: sql?.value.to_owned(),
        summary,
        runbook,
        metrics,
    })
}

fn metric(column: &str, table: &Table<'_>, check: &str, taken: &mut BTreeMap<String, String>) -> Option<Metric> {
    let name = table.required_text("name", "its CloudWatch name, as in \"TelemetryLag\"");
    if let Some(name) = &name {
        expect_metric_name(table, name);
        let here = format!("check.{check}.metric.{column}");
        let sends = [name.value.to_owned(), format!("{}{PRESENCE_SUFFIX}", name.value)];
        if let Some((sent, there)) = sends.iter().find_map(|sent| Some((sent, taken.get(sent)?))) {
            table.note_at(name, format!("{there} already sends a metric called {sent}"));
        }
        taken.extend(sends.map(|sent| (sent, here.clone())));
    }
    let unit = table.text("unit");
    if let Some(unit) = &unit
        && !UNITS.contains(&unit.value)
    {
        table.note_at(unit, no_such("CloudWatch unit", unit.value, UNITS));
    }
    let threshold = threshold(table);
    let severity = severity(table);
    for key in ["for", "severity"] {
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

fn severity(table: &Table<'_>) -> Option<Severity> {
    let word = table.text("severity")?;
    let severity: Result<Severity, UnknownSeverity> = word.value.parse();
    if let Err(unknown) = &severity {
        table.note_at(&word, unknown.to_string());
    }
    severity.ok()
}

fn text(table: &Table<'_>, key: &str) -> Option<String> {
    table.text(key).map(|text| text.value.to_owned())
}

/// "There is no X called Y (did you mean Z?), expected one of …"
pub(super) fn no_such(what: &str, name: &str, known: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let known: Vec<_> = known.into_iter().collect();
    let known: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
    let meant =
        nearest(name, known.iter().copied()).map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default();
    let listed =
        if known.is_empty() { "none is written".to_owned() } else { format!("expected one of {}", known.join(", ")) };
    format!("there is no {what} `{name}`{meant}, {listed}")
}
