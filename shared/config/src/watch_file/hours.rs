//! Business hours that checks, metrics and routes may name.

use std::collections::{BTreeMap, BTreeSet};

use domain::hours::{Hours, Shift, timezone, timezones};
use jiff::tz::TimeZone;

use super::check::no_such;
use super::names::expect_kebab_case;
use super::reader::{Found, Table};
use crate::nearest::nearest;

/// What `[hours.NAME]` may say.
const KEYS: [&str; 3] = ["timezone", "open", "closed"];

/// The business hours by name; `None` where some are written but wrong, so that those who name them are not blamed as
/// well.
pub(super) fn hours(root: &Table<'_>) -> BTreeMap<String, Option<Hours>> {
    let mut hours = BTreeMap::new();
    for (name, table) in root.named("hours", &KEYS) {
        expect_kebab_case(&table, &name);
        hours.insert(name.value.to_owned(), read(&table));
    }
    hours
}

fn read(table: &Table<'_>) -> Option<Hours> {
    let timezone = read_timezone(table);
    table.require("open", "when somebody is there, as in [\"mon-fri 09:30-16:00\"]");
    let shifts = table.words("open").into_iter().filter_map(|word| {
        let shift: Result<Shift, _> = word.value.parse();
        if let Err(bad) = &shift {
            table.note_at(&word, bad.to_string());
        }
        shift.ok()
    });
    let open: Vec<Shift> = shifts.collect();
    let mut closed = BTreeSet::new();
    for date in table.dates("closed") {
        if !closed.insert(date.value) {
            table.note_at(&date, format!("{} is listed twice", date.value));
        }
    }
    Some(Hours::new(timezone?, open, closed))
}

fn read_timezone(table: &Table<'_>) -> Option<TimeZone> {
    let name = table.required_text("timezone", "whose clocks count, as in \"America/New_York\" or \"UTC\"")?;
    timezone_of(table, &name)
}

/// The business hours that a table names.
pub(super) fn named_hours(table: &Table<'_>, known: &BTreeMap<String, Option<Hours>>) -> Option<Hours> {
    let name = table.text("hours")?;
    match known.get(name.value) {
        Some(hours) => hours.clone(),
        None => {
            table.note_at(&name, no_such("[hours.NAME] called", name.value, known.keys()));
            None
        }
    }
}

/// The time zone that a table names.
pub(super) fn timezone_of(table: &Table<'_>, name: &Found<&str>) -> Option<TimeZone> {
    let known = timezone(name.value);
    if let Err(unknown) = &known {
        let names = timezones();
        let meant = nearest(name.value, names.iter().map(String::as_str));
        let meant = meant.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default();
        let expected = "expected a name of the IANA database, as in `America/New_York`";
        table.note_at(name, format!("{unknown}{meant}, {expected}"));
    }
    known.ok()
}
