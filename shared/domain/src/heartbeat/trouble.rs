//! What is amiss with a heartbeat at an instant.

use jiff::Timestamp;

use super::{Failure, Heartbeat, Run, Schedule, SlotStatus, State, Unknown};
use crate::heartbeat::Slot;

/// One thing that is amiss.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Trouble {
    /// Nothing succeeded for nominal times; the newest comes last.
    Missing(Vec<Slot>),
    /// No run began for a nominal time.
    NotStarted(Slot),
    /// A run takes too long.
    Overrun(Run),
    /// Runs failed.
    Failed(Failure),
    /// Its signal cannot be read, and it should have come.
    Unreadable(Unknown),
}

impl Trouble {
    /// Since when: with the first nominal time that is missing, or with the newest where people know of the others.
    pub(super) fn began(&self, heartbeat: &Heartbeat, down: bool, at: Timestamp) -> Timestamp {
        match self {
            Self::Missing(slots) => {
                let slot = if down { slots.last() } else { slots.first() };
                slot.and_then(|slot| heartbeat.deadline(slot.at)).unwrap_or(at)
            }
            Self::NotStarted(slot) => heartbeat.start_deadline(slot.at).unwrap_or(at),
            Self::Overrun(run) => ends(heartbeat, run).unwrap_or(at),
            Self::Failed(failure) => failure.at,
            Self::Unreadable(_) => at,
        }
    }

    /// What tells it from others: a trouble of another name is told again.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Missing(slots) => format!("missing {}", slots.last().map(|slot| slot.at).unwrap_or_default()),
            Self::NotStarted(slot) => format!("{NOT_STARTED} {}", slot.at),
            Self::Overrun(run) => format!("overrun {}", run.id.clone().unwrap_or_else(|| run.started_at.to_string())),
            Self::Failed(_) => "failed".to_owned(),
            Self::Unreadable(_) => UNREADABLE.to_owned(),
        }
    }
}

const NOT_STARTED: &str = "not-started";
const UNREADABLE: &str = "unreadable";

/// Whether what was told to be amiss ends by itself, without a success: a run that began late has begun, and a signal that
/// can be read again is there.
pub(super) fn ends_by_itself(amiss: &[String]) -> bool {
    amiss.iter().all(|name| name == UNREADABLE || name.starts_with(NOT_STARTED))
}

/// When a run has taken too long.
pub(super) fn ends(heartbeat: &Heartbeat, run: &Run) -> Option<Timestamp> {
    run.started_at.saturating_add(heartbeat.max_runtime?).ok()
}

/// Everything that is amiss at an instant, what is worst to miss first.
pub(super) fn troubles<'s>(
    heartbeat: &Heartbeat,
    state: &State,
    slots: impl Iterator<Item = &'s Slot>,
    at: Timestamp,
) -> Vec<Trouble> {
    let mut found = Vec::new();
    let open: Vec<&Slot> = slots.filter(|slot| !slot.settled).collect();
    let missing: Vec<Slot> =
        open.iter().filter(|slot| slot.status == SlotStatus::Missing).map(|slot| (*slot).clone()).collect();
    if !missing.is_empty() {
        found.push(Trouble::Missing(missing));
    }
    if let Some(failure) = state.memory.failure.as_ref().filter(|_| state.memory.failures >= heartbeat.fail_after) {
        found.push(Trouble::Failed(failure.clone()));
    }
    match &state.memory.unknown {
        // Nobody knows whether runs began or ended meanwhile.
        Some(unknown) => found.extend(unreadable(heartbeat, state, unknown, at)),
        None => {
            let too_long = |run: &&Run| ends(heartbeat, run).is_some_and(|end| at >= end);
            found.extend(state.memory.runs.iter().filter(too_long).cloned().map(Trouble::Overrun));
            // Of `every`, a run that is under way is the one that is expected.
            let awaited = matches!(heartbeat.schedule, Schedule::Cron(_)) || state.memory.runs.is_empty();
            let not_started = |slot: &&&Slot| {
                awaited
                    && slot.status == SlotStatus::Late
                    && slot.started_at.is_none()
                    && heartbeat.start_deadline(slot.at).is_some_and(|end| at >= end)
            };
            found.extend(open.iter().filter(not_started).map(|slot| Trouble::NotStarted((*slot).clone())));
        }
    }
    found
}

/// What cannot be read is neither alive nor dead until its deadline has passed, and for some minutes after it could first
/// not be read: a call that was throttled once is no reason to wake anybody.
fn unreadable(heartbeat: &Heartbeat, state: &State, unknown: &Unknown, at: Timestamp) -> Option<Trouble> {
    let patience = heartbeat.grace.min(super::PATIENCE);
    let overdue = state.deadline_at.is_some_and(|deadline| at >= deadline);
    let lasting = match unknown.until {
        Some(until) => at >= until,
        None => at.duration_since(unknown.since) >= patience,
    };
    (overdue && lasting).then(|| Trouble::Unreadable(unknown.clone()))
}
