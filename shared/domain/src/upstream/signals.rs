//! The signals that sources raise: upstream is late, a run has failed, and their ends.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::plan::again;
use super::{Source, cycles};
use crate::condition::Raised;
use crate::duration;
use crate::fingerprint::{Fingerprint, Labels};
use crate::notification::truncate;
use crate::severity::Severity;
use crate::signal::SignalStatus;

/// The kind of a signal that upstream is late.
pub const UPSTREAM_LATE: &str = "upstream-late";
/// The kind of a signal that a run has failed.
pub const RUN_FAILED: &str = "run-failed";
/// Longest summary, in characters: it quotes what mirrors and providers said, which may be anything.
const LONGEST_SUMMARY: usize = 1_000;
/// So many late cycles are named.
const MOST_NAMED: usize = 3;

/// The source of a source's signals.
pub fn source(name: &str) -> String {
    format!("source:{name}")
}

/// A cycle that upstream should have published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// Its nominal time.
    pub at: Timestamp,
    /// What is missing.
    pub why: String,
}

/// The fingerprint of the alert that a source's upstream is late.
pub fn late_fingerprint(source: &str, environment: &str) -> String {
    Fingerprint::of(environment, UPSTREAM_LATE, source, &Labels::new()).to_string()
}

/// What an evaluation at `now` that leaves these cycles late raises; `before` says whether any was late before, or was told to be. One
/// condition a source: it begins with its first late cycle and ends with the last, and its end names those that were given up
/// meanwhile, oldest first.
pub fn upstream_late(
    source: &Source,
    before: bool,
    late: &[Overdue],
    given_up: &[Timestamp],
    now: Timestamp,
    environment: &str,
) -> Option<Raised> {
    let usual = duration::display(source.expected_after);
    let said = |status, summary: String, details| {
        Said { severity: source.late_severity, ..Said::of(source, UPSTREAM_LATE, status, now) }.raised(
            &summary,
            details,
            environment,
        )
    };
    match (before, late) {
        (false, []) | (true, [_, ..]) => None,
        (true, []) => {
            let never = given_up_words(source, given_up, now).map(|words| format!(" {words}")).unwrap_or_default();
            let summary = format!("Over. No cycle of {} is late any more.{never}", source.name);
            let details = json!({ "given_up": given_up });
            Some(said(SignalStatus::Resolved, summary, if given_up.is_empty() { Map::new() } else { object(details) }))
        }
        (false, late) => {
            let named: Vec<String> = late.iter().take(MOST_NAMED).map(|one| one.words(source, now)).collect();
            let more = late.len().saturating_sub(MOST_NAMED);
            let more = if more == 0 { String::new() } else { format!("; and {more} more") };
            let summary = format!(
                "{}{more}. Usually a cycle is complete {usual} after its nominal time; what is made from it waits.",
                named.join("; ")
            );
            let details = json!({
                "cycles": late.iter().map(|one| json!(one.at)).collect::<Value>(),
                "expected_after_s": source.expected_after.as_secs(),
                "late_after_s": source.late_after.as_secs(),
            });
            Some(said(SignalStatus::Firing, summary, object(details)))
        }
    }
}

/// What was given up, and how to look at it again.
fn given_up_words(source: &Source, given_up: &[Timestamp], now: Timestamp) -> Option<String> {
    let (first, last) = (given_up.first()?, given_up.last()?);
    let name = &source.name;
    let which = match given_up.len() {
        1 => format!("{} was not published in time and is given up", cycles::spoken(name, *first)),
        count => format!(
            "{count} were not published in time and are given up, {} to {}",
            cycles::spoken(name, *first),
            cycles::spoken(name, *last)
        ),
    };
    Some(format!("{which}; {} looks again.", again(name, *first, now)))
}

impl Overdue {
    fn words(&self, source: &Source, now: Timestamp) -> String {
        let age = now.duration_since(self.at).max(SignedDuration::ZERO);
        format!(
            "{} is late upstream, {} after it: {}",
            cycles::spoken(&source.name, self.at),
            duration::display(age),
            self.why
        )
    }
}

/// That the run of a cycle has failed.
pub fn run_failed(source: &Source, cycle: Timestamp, why: &str, now: Timestamp, environment: &str) -> Raised {
    let summary = format!(
        "{} has failed: {why}. It is not tried again by itself; {} does.",
        cycles::spoken(&source.name, cycle),
        again(&source.name, cycle, now)
    );
    let details = object(json!({ "reason": truncate(why, LONGEST_SUMMARY), "cycle": cycles::name(cycle) }));
    failed_run(source, cycle, SignalStatus::Firing, now).raised(&summary, details, environment)
}

/// That a run that had failed is complete, or is not wanted any more.
pub fn run_recovered(source: &Source, cycle: Timestamp, now: Timestamp, environment: &str) -> Raised {
    let summary = format!("Over. {} is complete.", cycles::spoken(&source.name, cycle));
    failed_run(source, cycle, SignalStatus::Resolved, now).raised(&summary, Map::new(), environment)
}

fn failed_run(source: &Source, cycle: Timestamp, status: SignalStatus, at: Timestamp) -> Said<'_> {
    Said { labels: of_cycle(cycle), ..Said::of(source, RUN_FAILED, status, at) }
}

/// That a cycle that was given up is not made up for any more.
pub fn run_not_wanted(source: &Source, cycle: Timestamp, now: Timestamp, environment: &str) -> Raised {
    let name = cycles::spoken(&source.name, cycle);
    let summary = format!("Over. {name} was given up, and nobody has made up for it within a week.");
    failed_run(source, cycle, SignalStatus::Resolved, now).raised(&summary, Map::new(), environment)
}

/// That what was raised for a source is over, since nobody knows it any more: that upstream is late, or that the run of a cycle
/// has failed.
pub fn source_gone(name: &str, cycle: Option<Timestamp>, now: Timestamp, environment: &str) -> Raised {
    let said = Said {
        name,
        about: None,
        runbook: None,
        kind: if cycle.is_some() { RUN_FAILED } else { UPSTREAM_LATE },
        labels: cycle.map(of_cycle).unwrap_or_default(),
        status: SignalStatus::Resolved,
        severity: Severity::High,
        at: now,
    };
    said.raised(&format!("Over. The watch file has no source {name} any more."), Map::new(), environment)
}

fn of_cycle(cycle: Timestamp) -> Labels {
    Labels::from([("run_timestamp".to_owned(), cycle.to_string())])
}

/// What is said of a source.
struct Said<'a> {
    name: &'a str,
    about: Option<&'a str>,
    runbook: Option<&'a str>,
    kind: &'static str,
    labels: Labels,
    status: SignalStatus,
    severity: Severity,
    at: Timestamp,
}

impl<'a> Said<'a> {
    fn of(source: &'a Source, kind: &'static str, status: SignalStatus, at: Timestamp) -> Self {
        let (about, runbook) = (source.summary.as_deref(), source.runbook.as_deref());
        Self { name: &source.name, about, runbook, kind, labels: Labels::new(), status, severity: source.severity, at }
    }

    fn raised(self, summary: &str, mut details: Map<String, Value>, environment: &str) -> Raised {
        let Self { name, about, runbook, kind, labels, status, severity, at } = self;
        let fingerprint = Fingerprint::of(environment, kind, name, &labels);
        let id = format!("{fingerprint}/{}/{severity}/{at}", status.as_str());
        let texts = [("about", about), ("runbook", runbook)];
        details.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text?)))));
        let body = json!({
            "id": id,
            "source": source(name),
            "kind": kind,
            "subject": name,
            "environment": environment,
            "status": status,
            "severity": severity.to_string(),
            "summary": truncate(summary, LONGEST_SUMMARY),
            "labels": labels,
            "details": details,
            "occurred_at": at,
        });
        Raised { id, body: body.to_string() }
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
