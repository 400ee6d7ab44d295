//! `[source.NAME]`: upstream products whose cycles are awaited, and what is triggered for each.

mod limits;
mod trigger;
mod upstream;

use std::collections::{BTreeMap, HashMap};

use domain::Severity;
use domain::upstream::alike::two_alike;
use domain::upstream::cycles;
use domain::upstream::pattern::Wanted;
use domain::upstream::source::EXPECTED_TIMES;
use domain::upstream::{self as rules, Republished};
use jiff::{SignedDuration, Timestamp};

use super::check::{no_such, switch};
use super::heartbeat::{Heartbeat, HeartbeatSignal, schedule};
use super::matcher;
use super::metric::{severity, text};
use super::names::expect_kebab_case;
use super::reader::{Found, Table};
use crate::environment::Environment;
use limits::{length, number};

pub use trigger::{Trigger, TriggerKind};
pub(super) use upstream::is_bucket;
pub use upstream::{Mirror, Place};

/// A configured source.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// What decides about its cycles.
    pub rules: rules::Source,
    /// The dimension `ForecastType` of its metrics.
    pub forecast_type: String,
    /// Where its mirrors, and those of the instruments it joins, are, by their names.
    pub mirrors: BTreeMap<String, Mirror>,
    /// What starts a run.
    pub trigger: Trigger,
    /// What a run leaves behind when it has succeeded.
    pub output: Option<Output>,
    /// The kill switch it hangs on: `features/NAME` in SSM.
    pub switch: Option<String>,
}

/// An object that only a run which has succeeded writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The bucket.
    pub bucket: String,
    /// Its key, with placeholders for the nominal time.
    pub key: rules::KeyPattern,
}

/// What `[source.NAME]` may say.
const KEYS: [&str; 20] = [
    "forecast_type",
    "schedule",
    "every",
    "timezone",
    "expected_after",
    "late_after",
    "look_back",
    "upstream",
    "complete",
    "republished",
    "trigger",
    "max_runtime",
    "attempts",
    "concurrency",
    "output",
    "switch",
    "severity",
    "late_severity",
    "summary",
    "runbook",
];

/// A run that fails is tried so often where nothing is said.
const DEFAULT_ATTEMPTS: u32 = 3;
/// So many runs at once where nothing is said: accelerators cost by the second.
const DEFAULT_CONCURRENCY: u32 = 5;
/// How far back cycles are looked for where nothing is said.
const DEFAULT_LOOK_BACK: SignedDuration = SignedDuration::from_hours(24);
/// For so long a cycle that is late is awaited at least where nothing is said.
const LATE_FOR: SignedDuration = SignedDuration::from_hours(6);
/// Two instants, 2026-03-31T21:10Z and 2026-11-05T03:50Z: keys that are the same at both say the same in other words.
const TWO_INSTANTS: [Timestamp; 2] = [Timestamp::constant(1_774_991_400, 0), Timestamp::constant(1_793_850_600, 0)];
const EVERY_MEANS: &str = "how far apart they are, counted from midnight of 1970-01-01 UTC, as in \"10m\"";

/// The sources by name, in the order they are written; `None` where one is written but wrong.
pub(super) fn sources<'t>(root: &Table<'t>, environment: &Environment) -> Vec<(&'t str, Option<Source>)> {
    let instruments = upstream::instruments(root);
    let mut outputs = HashMap::new();
    let read = |(name, table): (Found<&'t str>, Table<'_>)| {
        let source = source(&name, &table, &instruments, environment);
        if let Some(output) = source.as_ref().and_then(|source| source.output.clone())
            && let Some(other) = outputs
                .insert((output.bucket, format!("{:?}", TWO_INSTANTS.map(|at| output.key.wanted(at)))), name.value)
            && let Some(place) = table.place("output")
        {
            let what = format!(
                "is what source.{other} writes as well, so that a run of one would complete one of the other: expected \
                 another key"
            );
            table.note_at(&place, what);
        }
        (name.value, source)
    };
    root.named("source", &KEYS).into_iter().map(read).collect()
}

/// Lets a source know when the heartbeat on its cycles turns down: a retry comes in time for that.
pub(super) fn hear(sources: &mut [Source], heartbeats: &[Heartbeat]) {
    for heartbeat in heartbeats {
        let HeartbeatSignal::Cycles { source: name } = &heartbeat.signal else { continue };
        if let Some(source) = sources.iter_mut().find(|source| source.rules.name == *name) {
            let grace = heartbeat.rules.grace;
            let sooner = source.rules.answer_by.map_or(grace, |other| other.min(grace));
            source.rules.answer_by = Some(sooner);
        }
    }
}

fn source(
    name: &Found<&str>,
    table: &Table<'_>,
    instruments: &upstream::Instruments,
    environment: &Environment,
) -> Option<Source> {
    expect_kebab_case(table, name);
    // All are read before any is missed, so that each mistake is told.
    let forecast_type = forecast_type(table);
    let schedule = schedule(table, EVERY_MEANS);
    table.require("expected_after", "how long after its nominal time a cycle is usually published, as in \"5h15m\"");
    table.require("late_after", "how long after its nominal time a cycle is late, as in \"6h\"");
    table.require("max_runtime", "how long a run may take, from its trigger to its end, as in \"2h30m\"");
    let expected_after = length(table, "expected_after");
    let late_after = length(table, "late_after");
    let look_back = length(table, "look_back");
    let max_runtime = length(table, "max_runtime");
    let (attempts, concurrency) = (number(table, "attempts"), number(table, "concurrency"));
    let upstream = upstream::upstream(table, instruments, environment);
    let trigger = trigger::trigger(table, environment);
    let output = output(table);
    let republished = republished(table);
    let (severity, late_severity) = (severity(table), late_severity(table));
    let (summary, runbook, switch) = (text(table, "summary"), text(table, "runbook"), switch(table));
    let (found, mirrors) = upstream?;
    let late_after = late_after?;
    let rules = rules::Source {
        name: name.value.to_owned(),
        schedule: schedule?,
        expected_after: expected_after?,
        late_after,
        look_back: look_back.unwrap_or_else(|| DEFAULT_LOOK_BACK.max(late_after + LATE_FOR)),
        upstream: found,
        republished,
        max_runtime: max_runtime?,
        attempts: attempts.unwrap_or(DEFAULT_ATTEMPTS),
        concurrency: concurrency.unwrap_or(DEFAULT_CONCURRENCY),
        answer_by: None,
        severity: severity.unwrap_or(Severity::High),
        late_severity: late_severity.unwrap_or(Severity::Medium),
        summary,
        runbook,
    };
    let rules = rules.checked().map_err(|bad| table.note(bad.to_string())).ok()?;
    let output = output.ok()?.map(|output| tells_cycles_apart(table, output, &rules));
    Some(Source { rules, forecast_type: forecast_type?, mirrors, trigger: trigger?, output, switch })
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html>
fn forecast_type(table: &Table<'_>) -> Option<String> {
    let word = table.required_text("forecast_type", "the dimension ForecastType of its metrics, as in \"nowcast\"")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if word.value.len() > 100 || !word.value.chars().all(plain) {
        table.note_at(&word, "expected at most 100 letters, digits and - _ . as in `medium_range`");
    }
    Some(word.value.to_owned())
}

fn republished(table: &Table<'_>) -> Republished {
    const WORDS: [(&str, Republished); 2] = [("ignore", Republished::Ignore), ("rerun", Republished::Rerun)];
    let Some(word) = table.text("republished") else { return Republished::Ignore };
    let known = WORDS.into_iter().find(|(name, _)| *name == word.value);
    known.map_or_else(
        || {
            table.note_at(&word, no_such("policy", word.value, WORDS.map(|(name, _)| name)));
            Republished::Ignore
        },
        |(_, policy)| policy,
    )
}

fn late_severity(table: &Table<'_>) -> Option<Severity> {
    let word = table.text("late_severity")?;
    matcher::severity(table, &word)
}

/// What is written of the output; an error where it is written and wrong.
fn output(table: &Table<'_>) -> Result<Option<Found<Output>>, ()> {
    let Some(text) = table.text("output") else { return Ok(None) };
    let parts = text.value.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    let Some((bucket, key)) = parts.filter(|(bucket, _)| upstream::is_bucket(bucket)) else {
        table.note_at(&text, "expected a bucket and a key, as in `s3://forecasts/gfs/{yyyymmdd}{hh}/_SUCCESS`");
        return Err(());
    };
    let key = rules::KeyPattern::read(key).map_err(|bad| table.note_at(&text, bad.to_string()))?;
    if !matches!(key.wanted(jiff::Timestamp::UNIX_EPOCH)[..], [Wanted::Key(_)]) {
        table.note_at(&text, "names more than one object: expected one, with placeholders for the nominal time alone");
        return Err(());
    }
    Ok(Some(text.with(Output { bucket: bucket.to_owned(), key })))
}

/// The output; a mistake is noted where runs of two cycles write the same.
fn tells_cycles_apart(table: &Table<'_>, output: Found<Output>, rules: &rules::Source) -> Output {
    let key = std::slice::from_ref(&output.value.key);
    if let Some((one, other)) =
        two_alike(&rules.schedule, key).map(|(one, other)| (cycles::name(one), cycles::name(other)))
    {
        let what = format!(
            "is the same for the cycles {one} and {other}, so that what one run writes would complete the other: \
             {EXPECTED_TIMES}"
        );
        table.note_at(&output, what);
    }
    output.value
}
