//! The checks: what each asks, and what is said when it cannot be asked.

use std::collections::{BTreeMap, BTreeSet};

use domain::Severity;
use domain::check::Metric;
use jiff::SignedDuration;

use super::database::{Database, LONGEST_TIMEOUT};
use super::http::{self, HttpAsk};
use super::metric::{self, Names, metric, severity, text, within};
use super::names::{expect_kebab_case, expect_not_our_own};
use super::queue::{self, Queue, expect_quantity, queue};
use super::reader::{Found, Table};
use crate::environment::Environment;
use crate::functions::{DeadmanConfig, HealthcheckConfig, PollerConfig, RouterConfig};
use crate::nearest::nearest;

/// A configured measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// What it asks.
    pub ask: Ask,
    /// How bad it is when it cannot be run; `None`: HIGH.
    pub severity: Option<Severity>,
    /// For how long it must be so before somebody is told.
    pub failing_for: SignedDuration,
    /// What it measures, for people.
    pub summary: Option<String>,
    /// Where it says what to do.
    pub runbook: Option<String>,
    /// The columns whose texts tell its rows apart, as dimensions in CloudWatch; without any, it answers one row.
    pub dimensions: Vec<String>,
    /// The business hours outside which nobody is told of it.
    pub hours: Option<String>,
    /// The kill switch it hangs on: `features/NAME` in SSM.
    pub switch: Option<String>,
    /// The columns that count, in the order they are written.
    pub metrics: Vec<Metric>,
    /// How long it may take; `None`: its database's `statement_timeout`, elsewhere 5 s.
    pub timeout: Option<SignedDuration>,
}

/// What a check asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A database.
    Sql {
        /// Its name.
        database: String,
        /// One statement.
        sql: String,
    },
    /// A queue.
    Sqs {
        /// Which one.
        queue: Queue,
    },
    /// An HTTP endpoint.
    Http(HttpAsk),
}

impl Check {
    /// The database it asks, if it asks one.
    pub fn database(&self) -> Option<&str> {
        match &self.ask {
            Ask::Sql { database, .. } => Some(database),
            Ask::Sqs { .. } | Ask::Http(_) => None,
        }
    }
}

/// CloudWatch takes 30 dimensions, of which one is the environment and one is kept free for another of ours.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>
pub const MOST_DIMENSIONS: usize = 28;

/// What `[check.NAME]` may say.
const KEYS: [&str; 14] = [
    "database",
    "sql",
    "sqs",
    "http",
    "expect",
    "summary",
    "runbook",
    "severity",
    "for",
    "hours",
    "switch",
    "timeout",
    "dimensions",
    "metric",
];

/// The checks, in the order they are written. `hours` are the names of the business hours there are.
pub(super) fn checks(
    root: &Table<'_>,
    databases: &BTreeMap<String, Option<Database>>,
    hours: &BTreeSet<String>,
    environment: &Environment,
) -> Vec<Check> {
    let own = [HealthcheckConfig::HEARTBEAT].iter().chain(RouterConfig::METRICS);
    let own = own.chain(DeadmanConfig::METRICS).chain(PollerConfig::METRICS);
    let sent = own.map(|name| ((*name).to_owned(), "Watchkeeper".to_owned())).collect();
    let mut names = Names { sent, hours };
    let read = |(name, table): (Found<&str>, Table<'_>)| {
        let ask = ask(&table, databases, environment);
        check(&name, &table, ask, &mut names)
    };
    root.named("check", &KEYS).into_iter().filter_map(read).collect()
}

fn check(name: &Found<&str>, table: &Table<'_>, ask: Option<Ask>, names: &mut Names<'_>) -> Option<Check> {
    expect_kebab_case(table, name);
    expect_not_our_own(table, name);
    let severity = severity(table);
    let failing_for = table.duration("for").map(|length| length.value);
    let summary = text(table, "summary");
    let runbook = text(table, "runbook");
    let dimensions = dimensions(table);
    let hours = names.hours(table);
    let switch = switch(table);
    let timeout = within(table, "timeout", LONGEST_TIMEOUT);
    let mut metrics = Vec::new();
    if table.has("http") && !["database", "sql", "sqs"].iter().any(|other| table.has(other)) {
        table.require("severity", "how bad it is when the endpoint fails: CRITICAL, HIGH, MEDIUM or LOW");
        let failing = http::failing(name.value, severity, failing_for);
        if let Err(taken) = names.take(&failing.name, &format!("check.{}", name.value)) {
            table.note(taken);
        }
        metrics.push(failing);
    } else {
        table.require("metric", "at least one [check.NAME.metric.COLUMN], or nothing is measured");
    }
    for (column, table) in table.named("metric", &metric::KEYS) {
        let unit = match &ask {
            Some(Ask::Sqs { queue }) => queue::unit(queue, &table, &column),
            Some(Ask::Http(_)) => expect_quantity(&table, &column, "an endpoint", &http::QUANTITIES),
            Some(Ask::Sql { .. }) | None => None,
        };
        let Some(mut metric) = metric(column.value, &table, name.value, names) else { continue };
        metric.unit = metric.unit.or_else(|| unit.map(str::to_owned));
        metrics.push(metric);
    }
    for metric in &mut metrics {
        metric.summary = metric.summary.take().or_else(|| summary.clone());
        metric.runbook = metric.runbook.take().or_else(|| runbook.clone());
        metric.hours = metric.hours.take().or_else(|| hours.clone());
    }
    Some(Check {
        name: name.value.to_owned(),
        ask: ask?,
        severity,
        failing_for: failing_for.unwrap_or(SignedDuration::ZERO),
        summary,
        runbook,
        dimensions,
        hours,
        switch,
        metrics,
        timeout,
    })
}

/// What a check asks: one thing.
fn ask(table: &Table<'_>, databases: &BTreeMap<String, Option<Database>>, environment: &Environment) -> Option<Ask> {
    let written = [table.has("database") || table.has("sql"), table.has("sqs"), table.has("http")];
    for (key, belongs) in [("expect", written[2]), ("dimensions", written[0])] {
        if table.has(key) && !belongs {
            let to = if key == "expect" { "`http`" } else { "`sql`" };
            table.note(format!("`{key}` says nothing without {to}"));
        }
    }
    match written {
        [true, false, false] => sql(table, databases),
        [false, true, false] => queue(table).map(|queue| Ask::Sqs { queue }),
        [false, false, true] => http::http(table, environment).map(Ask::Http),
        _ => {
            table.note("expected exactly one of `database` with `sql`, `sqs`, `http`");
            None
        }
    }
}

fn sql(table: &Table<'_>, databases: &BTreeMap<String, Option<Database>>) -> Option<Ask> {
    let database = table.required_text("database", "the name of the database it asks");
    if let Some(database) = &database
        && !databases.contains_key(database.value)
    {
        table.note_at(database, no_such("database", database.value, databases.keys()));
    }
    let sql = table.required_text("sql", "one statement that answers one row, with a column for each metric");
    Some(Ask::Sql { database: database?.value.to_owned(), sql: sql?.value.to_owned() })
}

/// The columns that tell rows apart.
fn dimensions(table: &Table<'_>) -> Vec<String> {
    let written = table.words("dimensions");
    let mut dimensions: Vec<String> = Vec::new();
    for name in &written {
        let allowed = |c: char| matches!(c, ' '..='~');
        if name.value.len() > 255 || name.value.starts_with(':') || !name.value.chars().all(allowed) {
            let expected = "expected names of columns: at most 255 ASCII characters that do not begin with a colon";
            table.note_at(name, expected);
        } else if name.value == "Environment" {
            table.note_at(name, "Environment is a dimension of every metric already");
        } else if dimensions.iter().any(|other| other == name.value) {
            table.note_at(name, format!("column `{}` is listed twice", name.value));
        } else {
            dimensions.push(name.value.to_owned());
        }
    }
    if let Some(last) = written.get(MOST_DIMENSIONS) {
        table.note_at(last, format!("expected at most {MOST_DIMENSIONS} dimensions, found {}", written.len()));
    }
    dimensions
}

/// The name of a parameter below `features`.
pub(super) fn switch(table: &Table<'_>) -> Option<String> {
    let switch = table.text("switch")?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if !switch.value.chars().all(plain) {
        let expected = "expected the name of a parameter below features/, as in `enable_telemetry`";
        table.note_at(&switch, expected);
    }
    Some(switch.value.to_owned())
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
