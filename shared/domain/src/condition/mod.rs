//! Something that one evaluation finds beyond its limit or within it, and what becomes of that over evaluations: how long
//! it must last, when it is raised, and when it is over.
//!
//! A condition is told from others by its fingerprint and by who looks (its source): the same two that tell apart the
//! router's `alert_sources`, so that what was raised and what was heard can be compared.

mod raised;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::fingerprint::{Fingerprint, Labels};
use crate::severity::Severity;
pub use raised::{Raised, raise};

/// What an evaluation finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observed {
    /// Beyond its limit.
    Beyond,
    /// Within it.
    Within,
    /// Nothing can be said: nothing changes.
    Unknown,
}

/// How long it must be beyond its limit before anybody hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// In two evaluations in a row, however far apart.
    TwoEvaluations,
    /// From the first evaluation that found it so, for at least this long; zero is at once.
    For(SignedDuration),
}

impl Lasting {
    /// What a watch file's `for` means; where it says nothing, two evaluations in a row.
    pub fn of(written: Option<SignedDuration>) -> Self {
        written.map_or(Self::TwoEvaluations, Self::For)
    }
}

/// A condition as one evaluation finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The check that looks; the signal's source is `check:` and this.
    pub check: String,
    /// The metric's name in CloudWatch; `None` where the condition is that the check could not run.
    pub metric: Option<String>,
    /// `metric`, `check-failed`.
    pub kind: String,
    /// What it is about: `Namespace/MetricName`, a check, a database.
    pub subject: String,
    /// Identity labels.
    pub labels: Labels,
    /// How bad it is.
    pub severity: Severity,
    /// How long it must last.
    pub lasting: Lasting,
    /// Whether it may begin now; outside its business hours it may only end.
    pub watched: bool,
    /// What was found.
    pub observed: Observed,
    /// What was measured, if anything.
    pub value: Option<f64>,
    /// Whether the check ran out of its time: it then runs last the next time.
    pub timed_out: bool,
    /// One sentence for people, of what was found.
    pub summary: String,
    /// What else helps: threshold, runbook.
    pub details: Map<String, Value>,
}

impl Condition {
    /// Who says so.
    pub fn source(&self) -> String {
        source(&self.check)
    }

    /// Whether a value was measured; a check that could not run has none to measure.
    fn is_seen(&self) -> bool {
        self.value.is_some() || self.metric.is_none()
    }

    /// Its identity in an environment.
    pub fn fingerprint(&self, environment: &str) -> Fingerprint {
        Fingerprint::of(environment, &self.kind, &self.subject, &self.labels)
    }
}

/// The source of a check's signals.
pub fn source(check: &str) -> String {
    format!("check:{check}")
}

/// What is remembered of a condition between evaluations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State {
    /// Whether it is raised and not over.
    pub firing: bool,
    /// The severity it was last raised with.
    pub severity: Severity,
    /// The first evaluation of those in a row that found it beyond its limit.
    pub breaching_since: Option<Timestamp>,
    /// What was last measured.
    pub value: Option<f64>,
    /// The evaluation that wrote this.
    pub evaluated_at: Timestamp,
    /// The last evaluation that measured a value, or ran the check.
    pub seen_at: Timestamp,
    /// Whether the check ran out of its time.
    pub timed_out: bool,
}

/// What an evaluation changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Advanced {
    /// What is remembered from now on.
    pub state: State,
    /// What has to be told, if anything.
    pub told: Option<Change>,
}

/// What is told about a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It holds, since this evaluation.
    Firing {
        /// The first evaluation that found it so.
        since: Timestamp,
    },
    /// It holds no longer.
    Resolved {
        /// When it began, where that is known.
        since: Option<Timestamp>,
    },
}

/// What an evaluation at `now` makes of a condition; `None` where it changes nothing: nothing could be said, or a later
/// evaluation has been here already.
///
/// `heard` is whether the router's record holds it for firing from this source. It may be otherwise than we remember: while
/// our own record was out of reach, signals went out without it, and a signal may have been lost on its way. What differs is
/// told again; the router knows a repeat.
pub fn advance(before: Option<&State>, condition: &Condition, heard: bool, now: Timestamp) -> Option<Advanced> {
    if before.is_some_and(|state| state.evaluated_at >= now) {
        return None;
    }
    let firing = before.is_some_and(|state| state.firing);
    let since = before.and_then(|state| state.breaching_since);
    let raised_with = before.filter(|state| state.firing).map_or(condition.severity, |state| state.severity);
    let (firing, since, told) = match condition.observed {
        Observed::Unknown => return None,
        Observed::Within if firing || heard => (false, None, Some(Change::Resolved { since })),
        Observed::Within => (false, None, None),
        Observed::Beyond if firing => {
            // A severity that was changed meanwhile is told: a rise has to reach people.
            let since = since.unwrap_or(now);
            let unheard = !heard && before.is_some_and(|state| now.duration_since(state.evaluated_at) >= ON_ITS_WAY);
            let untold = unheard || raised_with != condition.severity;
            (true, Some(since), untold.then_some(Change::Firing { since }))
        }
        Observed::Beyond if !condition.watched => (false, None, None),
        Observed::Beyond => match condition.lasting {
            Lasting::TwoEvaluations => begin(since, since.is_some(), now),
            Lasting::For(least) => {
                let lasted = now.duration_since(since.unwrap_or(now));
                begin(since, lasted + slack(least) >= least, now)
            }
        },
    };
    let state = State {
        firing,
        severity: condition.severity,
        breaching_since: since,
        value: condition.value,
        evaluated_at: now,
        seen_at: if condition.is_seen() { now } else { before.map_or(now, |state| state.seen_at) },
        timed_out: condition.timed_out,
    };
    Some(Advanced { state, told })
}

/// How long a signal may be on its way before it counts as lost; evaluations that overlap are closer than that.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_mins(1);

/// Evaluations come by a schedule that is a minute precise, so the one that ought to end a wait may be that much early; it
/// must not cost a whole further interval.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>
fn slack(least: SignedDuration) -> SignedDuration {
    (least / 10).min(SignedDuration::from_mins(1))
}

fn begin(since: Option<Timestamp>, due: bool, now: Timestamp) -> (bool, Option<Timestamp>, Option<Change>) {
    let since = since.unwrap_or(now);
    (due, Some(since), due.then_some(Change::Firing { since }))
}

#[cfg(test)]
mod tests;
