//! Business hours: when people are there, by the clock on their wall.
//!
//! What counts is the local time that a clock shows. A shift from 01:00 to 02:00 is open twice in the night in which
//! clocks go back over that hour, and not at all in the night in which they skip it.

mod shift;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

pub use shift::{BadShift, Shift};

/// When somebody is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    timezone: TimeZone,
    open: Vec<Shift>,
    closed: BTreeSet<Date>,
}

/// A time zone that nobody has heard of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone `{0}`")]
pub struct UnknownTimezone(pub String);

/// How far ahead a change is looked for: beyond any row of holidays.
const HORIZON_DAYS: i32 = 400;

/// The names of all time zones.
pub fn timezones() -> Vec<String> {
    TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect()
}

/// The time zone of an IANA name, as in `America/New_York`.
///
/// # Errors
/// When there is none of that name.
pub fn timezone(name: &str) -> Result<TimeZone, UnknownTimezone> {
    TimeZoneDatabase::bundled().get(name).map_err(|_| UnknownTimezone(name.to_owned()))
}

impl Hours {
    /// Open during these shifts, except those that begin on a closed date.
    pub fn new(timezone: TimeZone, open: Vec<Shift>, closed: BTreeSet<Date>) -> Self {
        Self { timezone, open, closed }
    }

    /// Whether somebody is there.
    pub fn is_open(&self, at: Timestamp) -> bool {
        let local = self.timezone.to_datetime(at);
        let begun = |date: Date, days_ago: i32| {
            !self.closed.contains(&date) && self.open.iter().any(|shift| shift.covers(date, local.time(), days_ago))
        };
        begun(local.date(), 0) || local.date().yesterday().is_ok_and(|yesterday| begun(yesterday, 1))
    }

    /// The first instant after `at` at which somebody comes or the last one leaves; `None` when that is more than a year
    /// away.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let now = self.is_open(at);
        let mut date = self.timezone.to_datetime(at).date();
        for _ in 0..HORIZON_DAYS {
            let mut instants = self.instants_of(date);
            instants.sort_unstable();
            if let Some(change) = instants.into_iter().find(|instant| *instant > at && self.is_open(*instant) != now) {
                return Some(change);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// The instants of a local date at which something may change: where shifts begin and end, and where clocks are set.
    fn instants_of(&self, date: Date) -> Vec<Timestamp> {
        let edges = self.open.iter().flat_map(Shift::edges).map(|time| date.to_datetime(time));
        let mut instants: Vec<Timestamp> = edges.flat_map(|edge| self.occurrences(edge)).collect();
        let begins = self.occurrences(date.to_datetime(jiff::civil::Time::midnight()));
        let Some(begins) = begins.into_iter().min() else { return instants };
        let just_before = begins.saturating_sub(jiff::SignedDuration::from_secs(1)).unwrap_or(begins);
        let ends = begins.saturating_add(jiff::SignedDuration::from_hours(26)).unwrap_or(begins);
        let set = self.timezone.following(just_before).map(|transition| transition.timestamp());
        instants.extend(set.take_while(|instant| *instant < ends));
        instants
    }

    /// When a wall clock shows this: once, twice where it is set back, or never where it skips it (then the instant at
    /// which it would have, had nobody touched it).
    fn occurrences(&self, local: DateTime) -> Vec<Timestamp> {
        let offsets = match self.timezone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => vec![offset],
            AmbiguousOffset::Gap { before, .. } => vec![before],
            AmbiguousOffset::Fold { before, after } => vec![before, after],
        };
        offsets.into_iter().filter_map(|offset| offset.to_timestamp(local).ok()).collect()
    }
}
