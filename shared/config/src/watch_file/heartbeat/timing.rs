//! When a heartbeat's signals are expected, when nothing is, and how long everything may take.

use std::collections::BTreeMap;

use domain::heartbeat::{Calendar, LONGEST, SHORTEST, Schedule};
use domain::hours::Hours;
use domain::silence::{Recurrence, Written};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::super::hours::{named_hours, timezone_of};
use super::super::reader::{Found, Table};

/// How long things may take. None is negative.
pub(super) struct Lengths {
    /// How late success may come; `None` where that is missing or wrong.
    pub(super) grace: Option<SignedDuration>,
    /// How late the start may come.
    pub(super) start_grace: Option<SignedDuration>,
    /// How long a run may take.
    pub(super) max_runtime: Option<SignedDuration>,
    /// How long a run takes at least.
    pub(super) min_runtime: Option<SignedDuration>,
}

/// The shortest run of which anything is said.
const MOMENT: SignedDuration = SignedDuration::from_secs(1);
/// The longest pause between reminders: nobody remembers the last one.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The longest window of maintenance.
const LONGEST_WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Whose clock it is where nothing is said.
const UTC: &str = "UTC";

/// When something is expected: at nominal times, or every so long, by what that means here.
pub(in crate::watch_file) fn schedule(table: &Table<'_>, every_means: &str) -> Option<Schedule> {
    let zone = table.text("timezone");
    let timezone = zone.as_ref().map_or(Some(TimeZone::UTC), |zone| timezone_of(table, zone));
    if let Some(zone) = &zone
        && !table.has("schedule")
    {
        table.note_at(zone, "says nothing without `schedule`: `every` counts time that passes, whatever clocks show");
    }
    let (cron, every) = (table.text("schedule"), table.duration("every"));
    match (table.has("schedule"), table.has("every")) {
        (true, false) => {
            let cron = cron?;
            told(table, &cron, Schedule::cron(cron.value, timezone?))
        }
        (false, true) => {
            let every = every?;
            told(table, &every, Schedule::every(every.value))
        }
        (true, true) => {
            table.note("expected `schedule` or `every`, not both");
            None
        }
        (false, false) => {
            table
                .note(format!("expected `schedule`, the nominal times as in \"0 2 * * *\", or `every`, {every_means}"));
            None
        }
    }
}

/// What was read, or a note of what is wrong with it.
fn told<T, U, E: std::fmt::Display>(table: &Table<'_>, written: &Found<U>, read: Result<T, E>) -> Option<T> {
    if let Err(bad) = &read {
        table.note_at(written, bad.to_string());
    }
    read.ok()
}

/// When nothing is expected.
pub(super) fn calendar(table: &Table<'_>, hours: &BTreeMap<String, Option<Hours>>) -> Calendar {
    let windows = table.tables("maintenance", &["cron", "duration", "timezone"]);
    let calendar =
        Calendar { hours: named_hours(table, hours), maintenance: windows.iter().filter_map(window).collect() };
    // A window that begins as the last one ends leaves nothing, in whichever year it is.
    if calendar.awake(Timestamp::UNIX_EPOCH).is_none() {
        table.note("its `hours` and `maintenance` leave no time at which anything would be expected of it");
    }
    calendar
}

/// A window of maintenance that comes again and again.
fn window(table: &Table<'_>) -> Option<Recurrence> {
    let cron = table.required_text("cron", "when it begins, as in \"0 2 * * sun\"");
    table.require("duration", "how long it lasts, as in \"2h\"");
    let lasts = length(table, "duration", SHORTEST, LONGEST_WINDOW, "1m to 7d");
    let written_zone = table.text("timezone");
    let timezone = written_zone.as_ref().map_or(Some(TimeZone::UTC), |zone| timezone_of(table, zone));
    // What a schedule may say is what a window may say: it comes again.
    let cron = cron?;
    told(table, &cron, Schedule::cron(cron.value, timezone?))?;
    let zone = written_zone.map_or(UTC, |zone| zone.value);
    let written = Written {
        cron: cron.value.to_owned(),
        duration: format!("{}s", lasts?.value.as_secs()),
        timezone: zone.to_owned(),
    };
    told(table, &cron, Recurrence::read(written))
}

/// How long everything may take.
pub(super) fn lengths(table: &Table<'_>) -> Lengths {
    table.require("grace", "how late success may come before somebody is told, as in \"30m\"");
    let grace = length(table, "grace", SHORTEST, LONGEST, "1m to 366d: evaluations come once a minute");
    let start_grace = length(table, "start_grace", SHORTEST, LONGEST, "1m to 366d");
    let max_runtime = length(table, "max_runtime", MOMENT, LONGEST, "1s to 366d");
    let min_runtime = length(table, "min_runtime", MOMENT, LONGEST, "1s to 366d");
    if let (Some(start), Some(grace)) = (&start_grace, &grace)
        && start.value > grace.value
    {
        table.note_at(start, "is longer than `grace`: a run cannot start later than it has to succeed");
    }
    if let (Some(least), Some(most)) = (&min_runtime, &max_runtime)
        && least.value >= most.value
    {
        table.note_at(least, "is not less than `max_runtime`: every run would be too short or too long");
    }
    let value = |found: Option<Found<SignedDuration>>| found.map(|found| found.value);
    Lengths {
        grace: value(grace),
        start_grace: value(start_grace),
        max_runtime: value(max_runtime),
        min_runtime: value(min_runtime),
    }
}

/// How often people are reminded.
pub(super) fn remind_every(table: &Table<'_>) -> Option<SignedDuration> {
    let expected = "1m to 30d; without it, `[noise.remind_every]` says how often people are reminded";
    length(table, "remind_every", SHORTEST, LONGEST_PAUSE, expected).map(|found| found.value)
}

fn length(
    table: &Table<'_>,
    key: &str,
    shortest: SignedDuration,
    longest: SignedDuration,
    expected: &str,
) -> Option<Found<SignedDuration>> {
    let length = table.duration(key)?;
    if (shortest..=longest).contains(&length.value) {
        return Some(length);
    }
    table.note_at(&length, format!("expected {expected}"));
    None
}
