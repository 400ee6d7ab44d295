//! Whether a heartbeat is silent, without anything that is remembered of it: while our own database is gone.

use jiff::Timestamp;

use super::{Heartbeat, Schedule, words};

/// What is missing at `now`, if something is: `last` is its last signal after `seen_from`, if there was one. A heartbeat
/// that has not been watched for as long as it may be silent is given that time.
pub fn silent(heartbeat: &Heartbeat, last: Option<Timestamp>, seen_from: Timestamp, now: Timestamp) -> Option<String> {
    if heartbeat.calendar.rests(now) {
        return None;
    }
    let slot = match &heartbeat.schedule {
        Schedule::Every(_) => heartbeat.expected_after(last.unwrap_or(seen_from))?,
        Schedule::Cron(_) => {
            let ended = now.saturating_sub(heartbeat.grace).ok()?;
            heartbeat.last_slot(ended).filter(|slot| *slot >= seen_from)?
        }
    };
    let served = match &heartbeat.schedule {
        Schedule::Every(_) => false,
        Schedule::Cron(_) => {
            let early = slot.saturating_sub(heartbeat.early(slot)).unwrap_or(slot);
            last.is_some_and(|last| last >= early)
        }
    };
    let over = heartbeat.deadline(slot).is_some_and(|deadline| now >= deadline);
    (over && !served).then(|| words::silent(heartbeat, slot, last, now))
}
