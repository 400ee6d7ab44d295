//! Tables and properties of the rules of upstream cycles.

mod cycles;
mod joint;
mod listing;
mod missed;
mod model;
mod pattern;
mod plan;
mod reconcile;
mod signals;

mod states;
mod unseen;

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::heartbeat::Schedule;
use crate::severity::Severity;

/// An instant of November 2026, as in `22T06:00`.
fn at(text: &str) -> Timestamp {
    format!("2026-11-{text}:00Z").parse().expect("a day and a time")
}

fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

/// GFS as the watch file's example has it.
fn gfs() -> Source {
    let preset = presets::find("gfs-0p25").expect("patterns that can be read").expect("a preset");
    let source = Source {
        name: "gfs".to_owned(),
        schedule: Schedule::cron(presets::GFS_SCHEDULE, TimeZone::UTC).expect("a schedule"),
        expected_after: preset.expected_after,
        late_after: preset.late_after,
        look_back: preset.look_back,
        upstream: preset.upstream,
        republished: Republished::Ignore,
        max_runtime: minutes(150),
        attempts: 3,
        concurrency: 10,
        answer_by: Some(minutes(510)),
        severity: Severity::High,
        late_severity: Severity::Medium,
        summary: None,
        runbook: Some("docs/runbooks/gfs.md".to_owned()),
    };
    source.checked().expect("numbers in range")
}

/// A run in a state, of a cycle.
fn run(cycle: &str, status: RunStatus) -> Run {
    Run { status, ..Run::new("gfs", at(cycle)) }
}

/// What a plan is made from, kept.
struct Desk {
    sources: Vec<Source>,
    runs: Vec<Run>,
    held: BTreeMap<String, String>,
    found: HashMap<RunKey, Found>,
    triggered: HashSet<RunKey>,
    looks: usize,
    request: Request,
    now: Timestamp,
}

impl Desk {
    fn of(source: Source, now: Timestamp) -> Self {
        Self {
            sources: vec![source],
            runs: Vec::new(),
            held: BTreeMap::new(),
            found: HashMap::new(),
            triggered: HashSet::new(),
            looks: usize::MAX,
            request: Request::poll(),
            now,
        }
    }

    fn asks(mut self, force_retry: bool, hours: Option<i64>, limit: Option<i64>) -> Self {
        self.request = Request::read(None, force_retry, hours, limit, &self.sources).expect("a request");
        self
    }

    fn plan(&self) -> Plan {
        let situation = crate::upstream::plan::Situation {
            sources: &self.sources,
            runs: &self.runs,
            held: &self.held,
            found: &self.found,
            triggered: &self.triggered,
            looks: self.looks,
            request: &self.request,
            now: self.now,
        };
        plan(&situation).expect("a window of a sensible length")
    }

    /// Plans until nothing is to be looked at, with what `upstream` shows of each cycle.
    fn plan_looking(&mut self, upstream: impl Fn(Timestamp) -> Found) -> Plan {
        loop {
            let plan = self.plan();
            let looks: Vec<RunKey> = plan.looks().cloned().collect();
            if looks.is_empty() {
                return plan;
            }
            self.found.extend(looks.into_iter().map(|key| (key.clone(), upstream(key.at))));
        }
    }
}

fn complete(_: Timestamp) -> Found {
    Found::Complete { look: None }
}

fn missing(_: Timestamp) -> Found {
    Found::Waiting { why: "37 of 209 files are missing".to_owned(), settling: false, look: None }
}
