//! Which cycles a source has, and what they are called.

use std::collections::VecDeque;
use std::iter::successors;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::duration;
use crate::heartbeat::{SHORTEST, Schedule};

/// More cycles than this in one window are a mistake: two months of a nowcast every ten minutes.
pub const MOST_CYCLES: usize = 20_000;

/// A window with too many cycles.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{source_name}` has more than {MOST_CYCLES} cycles from {from} to {to} ({length}): expected fewer; ask for a shorter window, one after the other",
    length = duration::display(to.duration_since(*from))
)]
pub struct TooMany {
    /// Whose.
    pub source_name: String,
    /// The window's beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

/// The nominal times of a schedule from one instant up to another, both included, oldest first. A schedule with `every`
/// counts from 1970-01-01T00:00Z, so that its cycles are the same whoever asks and whenever.
///
/// # Errors
/// When there are more than [`MOST_CYCLES`].
pub fn expected(source: &str, schedule: &Schedule, from: Timestamp, to: Timestamp) -> Result<Vec<Timestamp>, TooMany> {
    let mut found = Vec::new();
    let mut next = first(schedule, from);
    while let Some(at) = next.filter(|at| *at <= to) {
        if found.len() == MOST_CYCLES {
            return Err(TooMany { source_name: source.to_owned(), from, to });
        }
        found.push(at);
        next = after(schedule, at);
    }
    Ok(found)
}

/// The last nominal times, at most so many, after one instant and before another, oldest first.
pub fn between(schedule: &Schedule, after_: Timestamp, before: Timestamp, most: usize) -> Vec<Timestamp> {
    let mut found = VecDeque::new();
    let mut next = after(schedule, after_);
    while let Some(at) = next.filter(|at| *at < before) {
        if found.len() == most {
            found.pop_front();
        }
        found.push_back(at);
        next = after(schedule, at);
    }
    found.into()
}

/// The evening on which cycles begin that stand for all of a schedule: 2026-03-31T20:00Z, before a midnight that ends a month.
pub(super) const A_DAY: Timestamp = Timestamp::constant(1_774_987_200, 0);

/// How long a window is at least that has more than [`MOST_CYCLES`], where one of this length may; a schedule by the clock is
/// looked at for two such windows.
pub(super) fn too_many_in(schedule: &Schedule, window: SignedDuration) -> Option<SignedDuration> {
    let count = i32::try_from(MOST_CYCLES).ok()?;
    // No schedule comes more often, so that most need no counting.
    if window < SHORTEST.checked_mul(count)? {
        return None;
    }
    let shortest = match schedule {
        Schedule::Every(length) => length.checked_mul(count)?,
        Schedule::Cron(_) => {
            let begin = first(schedule, A_DAY)?;
            let end = begin.saturating_add(window).and_then(|end| end.saturating_add(window)).ok()?;
            let times = successors(Some(begin), |at| after(schedule, *at)).take_while(|at| *at <= end);
            let times: Vec<Timestamp> = times.take(2 * MOST_CYCLES + 1).collect();
            let ends = times.iter().skip(MOST_CYCLES);
            times.iter().zip(ends).map(|(begin, end)| end.duration_since(*begin)).min()?
        }
    };
    (shortest <= window).then_some(shortest)
}

/// The first nominal time at or after an instant.
pub(super) fn first(schedule: &Schedule, from: Timestamp) -> Option<Timestamp> {
    match schedule {
        Schedule::Cron(timetable) => timetable.at_or_after(from),
        Schedule::Every(length) => {
            let step = length.as_nanos();
            let nanos = from.as_nanosecond();
            let over = nanos.rem_euclid(step);
            Timestamp::from_nanosecond(if over == 0 { nanos } else { nanos - over + step }).ok()
        }
    }
}

/// The nominal time after one.
pub fn after(schedule: &Schedule, at: Timestamp) -> Option<Timestamp> {
    match schedule {
        Schedule::Cron(timetable) => timetable.after(at),
        Schedule::Every(length) => first(schedule, at.saturating_add(SignedDuration::from_nanos(1)).ok()?)
            .filter(|next| next.duration_since(at) <= *length),
    }
}

/// A cycle's short name, as file names have it: `2026112206`, and `202611220610` where it is not on the hour (UTC).
pub fn name(at: Timestamp) -> String {
    let utc = at.to_zoned(TimeZone::UTC);
    utc.strftime(if utc.minute() == 0 { "%Y%m%d%H" } else { "%Y%m%d%H%M" }).to_string()
}

/// A cycle as people call it: `gfs 06Z of 22 Nov`, `nowcast 06:10Z of 22 Nov` (UTC).
pub fn spoken(source: &str, at: Timestamp) -> String {
    let utc = at.to_zoned(TimeZone::UTC);
    let hour = utc.strftime(if utc.minute() == 0 { "%HZ of %-d %b" } else { "%H:%MZ of %-d %b" });
    format!("{source} {hour}")
}
