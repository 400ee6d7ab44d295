//! `[heartbeat.NAME]`: signals that are expected on a schedule, and how late they may come.

mod s3;
mod signal;
mod timing;

use std::collections::BTreeMap;

use domain::Severity;
use domain::hours::Hours;
use jiff::SignedDuration;

use super::check::switch;
use super::database::Database;
use super::metric::{severity, text};
use super::names::expect_kebab_case;
use super::reader::{Found, Table};
use super::secret::{BY_DEADMAN, address};
use crate::environment::Environment;
use crate::reference::Address;

pub use s3::S3Signal;
pub use signal::{HeartbeatSignal, MetricSignal, Statistic};
pub(super) use timing::schedule;

/// A configured heartbeat.
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    /// What decides how it stands.
    pub rules: domain::heartbeat::Heartbeat,
    /// Where its signal is found.
    pub signal: HeartbeatSignal,
    /// The kill switch it hangs on: `features/NAME` in SSM. While it is off, the heartbeat is paused.
    pub switch: Option<String>,
    /// How often people are reminded that it is down; `None`: as of anything else of its severity.
    pub remind_every: Option<SignedDuration>,
}

/// What `[heartbeat.NAME]` may say.
const KEYS: [&str; 17] = [
    "signal",
    "schedule",
    "every",
    "timezone",
    "grace",
    "start_grace",
    "max_runtime",
    "min_runtime",
    "fail_after",
    "severity",
    "hours",
    "maintenance",
    "switch",
    "manual_resume",
    "remind_every",
    "summary",
    "runbook",
];

const EVERY_MEANS: &str = "how long after the last success the next one is due, as in \"6h\"";
/// So many failures in a row are too many where nothing is said.
const DEFAULT_FAIL_AFTER: u32 = 1;
/// More failures than these in a row are an outage, whatever somebody meant by the number.
const MOST_FAILURES: u32 = 100;

/// The heartbeats, in the order they are written.
pub(super) fn heartbeats(
    root: &Table<'_>,
    databases: &BTreeMap<String, Option<Database>>,
    hours: &BTreeMap<String, Option<Hours>>,
    sources: &[&str],
) -> Vec<Heartbeat> {
    let read = |(name, table): (Found<&str>, Table<'_>)| heartbeat(&name, &table, databases, hours, sources);
    root.named("heartbeat", &KEYS).into_iter().filter_map(read).collect()
}

/// What deadman calls after each complete evaluation.
pub(super) fn external_ping(root: &Table<'_>, environment: &Environment) -> Option<Address> {
    address(root, &root.text("external_ping")?, "deadman/external_ping", BY_DEADMAN, environment)
}

fn heartbeat(
    name: &Found<&str>,
    table: &Table<'_>,
    databases: &BTreeMap<String, Option<Database>>,
    hours: &BTreeMap<String, Option<Hours>>,
    sources: &[&str],
) -> Option<Heartbeat> {
    expect_kebab_case(table, name);
    // All are read before any is missed, so that each mistake is told.
    let schedule = schedule(table, EVERY_MEANS);
    let signal = signal::signal(table, databases, sources, schedule.as_ref());
    let calendar = timing::calendar(table, hours);
    let lengths = timing::lengths(table);
    let fail_after = fail_after(table);
    let severity = severity(table).unwrap_or(Severity::High);
    let (switch, manual_resume) = (switch(table), table.flag("manual_resume"));
    let remind_every = timing::remind_every(table);
    let (summary, runbook) = (text(table, "summary"), text(table, "runbook"));
    if let Some(signal) = &signal {
        signal::expect_what_it_tells(table, signal);
    }
    let timing::Lengths { grace, start_grace, max_runtime, min_runtime } = lengths;
    Some(Heartbeat {
        rules: domain::heartbeat::Heartbeat {
            name: name.value.to_owned(),
            schedule: schedule?,
            calendar,
            grace: grace?,
            start_grace,
            max_runtime,
            min_runtime,
            fail_after,
            severity,
            manual_resume,
            summary,
            runbook,
        },
        signal: signal?,
        switch,
        remind_every,
    })
}

fn fail_after(table: &Table<'_>) -> u32 {
    let Some(written) = table.whole("fail_after") else { return DEFAULT_FAIL_AFTER };
    let number = u32::try_from(written.value).ok().filter(|number| (1..=MOST_FAILURES).contains(number));
    number.unwrap_or_else(|| {
        table.note_at(&written, format!("expected 1 to {MOST_FAILURES} failures in a row; 1 tells of the first"));
        DEFAULT_FAIL_AFTER
    })
}
