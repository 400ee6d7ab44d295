//! `signal` of a heartbeat: where it is found that the expected has happened.

use std::collections::BTreeMap;

use domain::heartbeat::Schedule;
use domain::retention::Task;

use super::super::check::no_such;
use super::super::database::Database;
use super::super::names::{expect_metric_name, expect_namespace};
use super::super::reader::{Found, Table};
use super::s3::{self, S3Signal};
use crate::functions::ArchiverConfig;
use crate::operations::FUNCTIONS;

/// Where a heartbeat's signal is found.
#[derive(Clone, Debug, PartialEq)]
pub enum HeartbeatSignal {
    /// In CloudWatch.
    Metric(MetricSignal),
    /// In what a statement answers: when it last succeeded.
    Sql {
        /// The database it is asked of.
        database: String,
        /// The statement.
        sql: String,
    },
    /// In a table of runs.
    Runs {
        /// The database it is in.
        database: String,
        /// Its name, with or without its schema: `telemetry_runs`, `pipeline.telemetry_runs`.
        table: String,
    },
    /// In our own ledger.
    Ledger {
        /// The function of ours whose runs are meant.
        function: String,
        /// Of archiver, the task that is meant, if not any.
        task: Option<Task>,
    },
    /// In the runs of upstream cycles that data-poller follows.
    Cycles {
        /// The source.
        source: String,
    },
    /// In a bucket.
    S3(S3Signal),
    /// The job tells by itself.
    Ping,
}

/// A metric whose datapoints are the signal.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricSignal {
    /// Its namespace; `None`: the watch file's.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// Which statistic of a datapoint counts.
    pub stat: Statistic,
    /// A datapoint is a signal when it is as much as this.
    pub at_least: f64,
}

/// What CloudWatch makes of the values of one datapoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Statistic {
    /// Their sum.
    #[default]
    Sum,
    /// How many they are.
    SampleCount,
    /// Their mean.
    Average,
    /// The least.
    Minimum,
    /// The greatest.
    Maximum,
}

impl Statistic {
    const ALL: [Self; 5] = [Self::Sum, Self::SampleCount, Self::Average, Self::Minimum, Self::Maximum];

    /// CloudWatch's word for it, and the watch file's.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "Sum",
            Self::SampleCount => "SampleCount",
            Self::Average => "Average",
            Self::Minimum => "Minimum",
            Self::Maximum => "Maximum",
        }
    }
}

/// What `signal` may say.
const KEYS: [&str; 14] = [
    "metric",
    "dimensions",
    "namespace",
    "stat",
    "at_least",
    "sql",
    "runs",
    "database",
    "ledger",
    "task",
    "cycles_of",
    "s3",
    "region",
    "ping",
];
/// Those of them that say what sort it is.
const SORTS: [&str; 7] = ["metric", "sql", "runs", "ledger", "cycles_of", "s3", "ping"];
/// The others, each with the sorts that it is about.
const DETAILS: [(&str, &[&str]); 7] = [
    ("dimensions", &["metric"]),
    ("namespace", &["metric"]),
    ("stat", &["metric"]),
    ("at_least", &["metric"]),
    ("database", &["sql", "runs"]),
    ("region", &["s3"]),
    ("task", &["ledger"]),
];
/// CloudWatch takes 30 dimensions, of which one is kept for the environment.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Metric.html>
const MOST_DIMENSIONS: usize = 29;

/// The signal, read where the schedule is known: some kinds of evidence are about its nominal times.
pub(super) fn signal(
    heartbeat: &Table<'_>,
    databases: &BTreeMap<String, Option<Database>>,
    sources: &[&str],
    schedule: Option<&Schedule>,
) -> Option<HeartbeatSignal> {
    heartbeat.require("signal", "where it is heard, as in { ping = true } or { runs = \"telemetry_runs\", … }");
    let table = &heartbeat.table("signal", &KEYS)?;
    let written: Vec<&str> = SORTS.into_iter().filter(|sort| table.has(sort)).collect();
    let [sort] = written[..] else {
        if !(written.is_empty() && table.has_unknown()) {
            table.note(format!("expected exactly one of {}", SORTS.join(", ")));
        }
        return None;
    };
    for (detail, sorts) in DETAILS {
        if table.has(detail) && !sorts.contains(&sort) {
            let sorts: Vec<_> = sorts.iter().map(|sort| format!("`{sort}`")).collect();
            table.note(format!("`{detail}` says nothing without {}", sorts.join(" or ")));
        }
    }
    if ["cycles_of", "s3"].contains(&sort) && heartbeat.has("every") && !heartbeat.has("schedule") {
        heartbeat.note(format!("`{sort}` is evidence of nominal times: expected `schedule` instead of `every`"));
    }
    match sort {
        "metric" => metric(table).map(HeartbeatSignal::Metric),
        "sql" => {
            let (database, sql) = (database(table, databases), table.text("sql"));
            Some(HeartbeatSignal::Sql { database: database?, sql: sql?.value.to_owned() })
        }
        "runs" => {
            let (database, runs) = (database(table, databases), runs(table));
            Some(HeartbeatSignal::Runs { database: database?, table: runs? })
        }
        "ledger" => ledger(table),
        "cycles_of" => {
            let source = table.text("cycles_of")?;
            if !sources.contains(&source.value) {
                table.note_at(&source, no_such("source", source.value, sources));
            }
            Some(HeartbeatSignal::Cycles { source: source.value.to_owned() })
        }
        "s3" => s3::s3(table, schedule).map(HeartbeatSignal::S3),
        _ => ping(table).then_some(HeartbeatSignal::Ping),
    }
}

fn metric(table: &Table<'_>) -> Option<MetricSignal> {
    let (name, namespace) = (table.text("metric"), table.text("namespace"));
    if let Some(name) = &name {
        expect_metric_name(table, name);
    }
    if let Some(namespace) = &namespace {
        expect_namespace(table, namespace);
    }
    let dimensions = table.open_table("dimensions").map(|table| dimensions(&table)).unwrap_or_default();
    let stat = statistic(table);
    let at_least = table.number("at_least");
    Some(MetricSignal {
        namespace: namespace.map(|namespace| namespace.value.to_owned()),
        name: name?.value.to_owned(),
        dimensions,
        stat,
        at_least: at_least.unwrap_or(1.0),
    })
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html>
fn dimensions(table: &Table<'_>) -> BTreeMap<String, String> {
    let allowed = |c: char| matches!(c, ' '..='~');
    let keys = table.keys();
    if keys.len() > MOST_DIMENSIONS {
        table.note(format!("expected at most {MOST_DIMENSIONS} dimensions, found {}", keys.len()));
    }
    let read = |key: &Found<&str>| {
        let value = table.text(key.value)?;
        if key.value.len() > 255 || key.value.starts_with(':') || !key.value.chars().all(allowed) {
            table.note_at(key, "expected a name of at most 255 ASCII characters that does not begin with a colon");
        } else if value.value.len() > 1024 || !value.value.chars().all(allowed) {
            table.note_at(&value, "expected at most 1024 ASCII characters");
        }
        Some((key.value.to_owned(), value.value.to_owned()))
    };
    keys.iter().filter_map(read).collect()
}

fn statistic(table: &Table<'_>) -> Statistic {
    let Some(word) = table.text("stat") else { return Statistic::default() };
    let known = Statistic::ALL.into_iter().find(|stat| stat.as_str() == word.value);
    known.unwrap_or_else(|| {
        table.note_at(&word, no_such("statistic", word.value, Statistic::ALL.map(Statistic::as_str)));
        Statistic::default()
    })
}

fn database(table: &Table<'_>, databases: &BTreeMap<String, Option<Database>>) -> Option<String> {
    let database = table.required_text("database", "the name of the database it is in")?;
    if !databases.contains_key(database.value) {
        table.note_at(&database, no_such("database", database.value, databases.keys()));
    }
    Some(database.value.to_owned())
}

/// The name of a table, as PostgreSQL takes it in quotes.
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
fn runs(table: &Table<'_>) -> Option<String> {
    let runs = table.text("runs")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let identifier = |part: &str| {
        (1..=63).contains(&part.len()) && !part.starts_with(|c: char| c.is_ascii_digit()) && part.chars().all(plain)
    };
    if runs.value.split('.').count() > 2 || !runs.value.split('.').all(identifier) {
        table.note_at(&runs, "expected the name of a table, with or without its schema, as in `telemetry_runs`");
        return None;
    }
    Some(runs.value.to_owned())
}

fn ledger(table: &Table<'_>) -> Option<HeartbeatSignal> {
    let function = table.text("ledger")?;
    if !FUNCTIONS.contains(&function.value) {
        table.note_at(&function, no_such("function of Watchkeeper's called", function.value, FUNCTIONS));
    }
    let task = table.text("task").and_then(|task| {
        let names = Task::RECORDED.map(Task::as_str);
        let found = Task::RECORDED.into_iter().find(|known| known.as_str() == task.value);
        if function.value != ArchiverConfig::FUNCTION {
            table.note_at(&task, format!("{} has no tasks: leave it out", function.value));
        } else if found.is_none() {
            table.note_at(&task, no_such("task of archiver's in the ledger", task.value, names));
        }
        found
    });
    Some(HeartbeatSignal::Ledger { function: function.value.to_owned(), task })
}

fn ping(table: &Table<'_>) -> bool {
    let pings = table.truth("ping");
    if let Some(pings) = pings.as_ref().filter(|pings| !pings.value) {
        table.note_at(pings, format!("expects nothing: expected `ping = true`, or another of {}", SORTS.join(", ")));
    }
    pings.is_some_and(|pings| pings.value)
}

/// Notes what is said of starts or failures where the signal tells of none.
pub(super) fn expect_what_it_tells(heartbeat: &Table<'_>, signal: &HeartbeatSignal) {
    let (starts, failures) = match signal {
        HeartbeatSignal::Ping
        | HeartbeatSignal::Runs { .. }
        | HeartbeatSignal::Ledger { .. }
        | HeartbeatSignal::Cycles { .. } => (true, true),
        HeartbeatSignal::Sql { sql, .. } => (sql.contains("started_at"), sql.contains("failed_at")),
        HeartbeatSignal::Metric(_) | HeartbeatSignal::S3(_) => (false, false),
    };
    let told = [
        ("start_grace", "starts", "started_at", starts),
        ("max_runtime", "starts", "started_at", starts),
        ("min_runtime", "starts", "started_at", starts),
        ("fail_after", "failures", "failed_at", failures),
    ];
    for (key, what, column, is_told) in told {
        if heartbeat.has(key) && !is_told {
            heartbeat.note(format!(
                "`{key}` says nothing: this signal tells of no {what}; expected one of ping, runs, ledger, cycles_of, or \
                 sql that answers a column `{column}`"
            ));
        }
    }
}
