//! `s3` of a heartbeat's signal: objects whose keys begin with the nominal time.

use domain::heartbeat::Schedule;
use jiff::Timestamp;

use super::super::check::no_such;
use super::super::names::region;
use super::super::reader::{Found, Table};

/// A bucket in which each nominal time has objects of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Signal {
    /// The bucket.
    pub bucket: String,
    /// The region it is in, if written; else the stack's.
    pub region: Option<String>,
    /// How keys begin, with placeholders for the nominal time.
    pub pattern: String,
}

/// The placeholders, with what they are in `strftime`'s words. All are UTC.
const PLACEHOLDERS: [(&str, &str); 5] =
    [("{yyyymmdd}", "%Y%m%d"), ("{yyyy}", "%Y"), ("{mm}", "%m"), ("{dd}", "%d"), ("{hh}", "%H")];
/// So many nominal times in a row are compared: two days of hours.
const COMPARED: usize = 48;

impl S3Signal {
    /// How the keys of a nominal time begin.
    pub fn prefix_at(&self, slot: Timestamp) -> String {
        let filled = |prefix: String, (placeholder, format): (&str, &str)| {
            if prefix.contains(placeholder) {
                prefix.replace(placeholder, &slot.strftime(format).to_string())
            } else {
                prefix
            }
        };
        PLACEHOLDERS.into_iter().fold(self.pattern.clone(), filled)
    }
}

/// The bucket and the pattern of its keys.
pub(super) fn s3(table: &Table<'_>, schedule: Option<&Schedule>) -> Option<S3Signal> {
    let (text, region) = (table.text("s3"), region(table));
    let text = text?;
    let parts = text.value.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    let Some((bucket, pattern)) = parts.filter(|(bucket, _)| is_bucket(bucket)) else {
        table.note_at(&text, "expected a bucket and how keys begin, as in `s3://forecasts/gfs/{yyyymmdd}/{hh}/`");
        return None;
    };
    let signal = S3Signal { bucket: bucket.to_owned(), region, pattern: pattern.to_owned() };
    if are_placeholders(table, &text, pattern) && is_a_time(table, &text, pattern) {
        expect_one_prefix_each(table, &text, &signal, schedule);
    }
    Some(signal)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn is_bucket(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&name.len()) && name.chars().all(plain) && name.starts_with(ends) && name.ends_with(ends)
}

/// Whether all that stands in braces is known; notes what is not.
fn are_placeholders(table: &Table<'_>, text: &Found<&str>, pattern: &str) -> bool {
    let names = PLACEHOLDERS.map(|(name, _)| name);
    let mut rest = pattern;
    while let Some(start) = rest.find(['{', '}']) {
        let Some(end) = rest[start..].find('}').filter(|_| rest[start..].starts_with('{')) else {
            table.note_at(text, format!("has a brace without its other: expected one of {}", names.join(", ")));
            return false;
        };
        let placeholder = &rest[start..=start + end];
        if !names.contains(&placeholder) {
            table.note_at(text, no_such("placeholder", placeholder, names));
            return false;
        }
        rest = &rest[start + end + 1..];
    }
    true
}

/// Whether the placeholders make up a date, to whatever exactness; notes it where they do not.
fn is_a_time(table: &Table<'_>, text: &Found<&str>, pattern: &str) -> bool {
    let whole = pattern.contains("{yyyymmdd}");
    let named = ["{yyyy}", "{mm}", "{dd}", "{hh}"].map(|name| pattern.contains(name));
    let named = [named[0] || whole, named[1] || whole, named[2] || whole, named[3]];
    // Each is worth something only below the one before it: keys of the 14th of every month are those of no nominal time.
    let is_a_time = named[0] && named.is_sorted_by(|coarse, fine| coarse >= fine);
    if !is_a_time {
        table.note_at(
            text,
            "does not say which nominal time a key is for, so that an old object would do for ever: expected {yyyymmdd}, \
             or {yyyy} with {mm} and {dd} below it, and {hh} where there are several a day",
        );
    }
    is_a_time
}

/// Notes it where two nominal times have the same keys: the second would be taken for done when the first is.
fn expect_one_prefix_each(table: &Table<'_>, text: &Found<&str>, signal: &S3Signal, schedule: Option<&Schedule>) {
    let Some(Schedule::Cron(timetable)) = schedule else { return };
    let slots = std::iter::successors(timetable.at_or_after(Timestamp::UNIX_EPOCH), |slot| timetable.after(*slot));
    let mut last: Option<(Timestamp, String)> = None;
    for slot in slots.take(COMPARED) {
        let prefix = signal.prefix_at(slot);
        if let Some((before, same)) = last.replace((slot, prefix.clone()))
            && same == prefix
        {
            let (one, other) = (before.strftime("%m-%d %H:%M"), slot.strftime("%m-%d %H:%M"));
            table.note_at(
                text,
                format!("is the same for the nominal times {one} and {other} (UTC): expected a placeholder that tells them apart"),
            );
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_begin_with_the_nominal_time_in_utc() {
        let prefix = |pattern: &str| {
            let signal = S3Signal { bucket: "b".to_owned(), region: None, pattern: pattern.to_owned() };
            signal.prefix_at("2026-03-04T23:30:00-05:00".parse().expect("an instant"))
        };
        assert_eq!(prefix("gfs.{yyyymmdd}/{hh}/atmos"), "gfs.20260305/04/atmos");
        assert_eq!(prefix("{yyyy}/{mm}/{dd}/{yyyy}"), "2026/03/05/2026");
    }
}
