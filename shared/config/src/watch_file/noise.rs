//! `[noise]`: how repeats, flapping and reminders are kept to what people can read.

use std::collections::BTreeMap;

use domain::Severity;
use domain::policy::{DEFAULT_DEDUP_WINDOW, DEFAULT_DIGEST_EVERY, DEFAULT_FLAPPING, Flapping};
use jiff::SignedDuration;

use super::matcher::severity;
use super::reader::Table;

/// How noise is kept down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noise {
    /// How long an alert opened by an event swallows its repeats; zero: it swallows none.
    pub dedup_window: SignedDuration,
    /// How often what was suppressed is summed up; `None`: never.
    pub digest_every: Option<SignedDuration>,
    /// When a condition flaps; `None`: never.
    pub flapping: Option<Flapping>,
    /// How often people are reminded, by the alert's severity; of a severity that is not here, never.
    pub remind_every: BTreeMap<Severity, SignedDuration>,
}

/// The shortest pause between digests, and between reminders: the tick that sends them comes once a minute.
const TICK: SignedDuration = SignedDuration::from_mins(1);
/// The longest that repeats are swallowed: what comes back a week later is news.
const LONGEST_WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The longest pause between digests, and between reminders: nobody remembers the last one.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The longest time that is looked back over for changes.
const LONGEST_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// What is said about noise, with defaults for the rest.
pub(super) fn noise(root: &Table<'_>) -> Noise {
    let mut noise = Noise {
        dedup_window: DEFAULT_DEDUP_WINDOW,
        digest_every: Some(DEFAULT_DIGEST_EVERY),
        flapping: Some(DEFAULT_FLAPPING),
        remind_every: BTreeMap::new(),
    };
    let keys = ["dedup_window", "digest_every", "flapping", "remind_every"];
    let Some(table) = root.table("noise", &keys) else { return noise };
    if let Some(window) = table.duration("dedup_window") {
        if window.value > LONGEST_WINDOW {
            table.note_at(&window, "expected at most 7d, or \"0s\" to swallow no repeats");
        }
        noise.dedup_window = window.value;
    }
    if let Some(every) = table.duration("digest_every") {
        if !every.value.is_zero() && !(TICK..=LONGEST_PAUSE).contains(&every.value) {
            table.note_at(&every, "expected 1m to 30d, or \"0s\" for no digests");
        }
        noise.digest_every = (!every.value.is_zero()).then_some(every.value);
    }
    if let Some(table) = table.table("flapping", &["changes", "within"]) {
        noise.flapping = flapping(&table);
    }
    if let Some(table) = table.open_table("remind_every") {
        noise.remind_every = remind_every(&table);
    }
    noise
}

fn flapping(table: &Table<'_>) -> Option<Flapping> {
    let within = table.duration("within");
    if let Some(within) = &within
        && !(TICK..=LONGEST_WITHIN).contains(&within.value)
    {
        table.note_at(within, "expected 1m to 24h");
    }
    let changes = match table.whole("changes") {
        None => DEFAULT_FLAPPING.changes,
        Some(changes) => match u32::try_from(changes.value) {
            Ok(0) => return None,
            Ok(number @ 3..=1000) => number,
            _ => {
                let two = "an alert that opens and ends once has changed twice";
                table.note_at(&changes, format!("expected 3 to 1000, or 0 to switch it off: {two}"));
                return None;
            }
        },
    };
    Some(Flapping { changes, within: within.map_or(DEFAULT_FLAPPING.within, |within| within.value) })
}

fn remind_every(table: &Table<'_>) -> BTreeMap<Severity, SignedDuration> {
    let mut every = BTreeMap::new();
    for key in table.keys() {
        let Some(length) = table.duration(key.value) else { continue };
        if !(TICK..=LONGEST_PAUSE).contains(&length.value) {
            table.note_at(&length, "expected 1m to 30d; for no reminders, leave the severity out");
        }
        let Some(severity) = severity(table, &key) else { continue };
        if every.insert(severity, length.value).is_some() {
            table.note_at(&key, format!("{severity} is listed twice"));
        }
    }
    every
}
