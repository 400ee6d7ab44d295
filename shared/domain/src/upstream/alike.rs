//! Whether patterns say the same of two cycles: then what is published for one would complete the other.

use std::iter::successors;

use jiff::{SignedDuration, Timestamp};

use super::KeyPattern;
use super::cycles::{A_DAY, after, first};
use crate::heartbeat::Schedule;

/// So many cycles are compared with others: every six hours they cross midnight, and every ten minutes the hour.
const COMPARED: usize = 8;

/// Two cycles of a schedule of which all of these patterns say the same, where there are such: among a few, each beside the
/// next one and those that come an hour and a day later. What only repeats within a month, or a year, is fine: names of files
/// that are soon gone often do.
pub fn two_alike(schedule: &Schedule, patterns: &[KeyPattern]) -> Option<(Timestamp, Timestamp)> {
    let later = |at: Timestamp, hours: i64| first(schedule, at.saturating_add(SignedDuration::from_hours(hours)).ok()?);
    let alike = |one: Timestamp, other: Timestamp| {
        one != other && patterns.iter().all(|pattern| pattern.nominal_parts(one) == pattern.nominal_parts(other))
    };
    let some = successors(first(schedule, A_DAY), |at| after(schedule, *at)).take(COMPARED);
    some.into_iter().find_map(|one| {
        let others = [after(schedule, one), later(one, 1), later(one, 24)];
        others.into_iter().flatten().find(|other| alike(one, *other)).map(|other| (one, other))
    })
}
