//! Lengths and numbers of a source, as written; `domain::upstream::Source::checked` says how they belong together.

use jiff::SignedDuration;

use super::super::reader::Table;

/// Nothing of a source is longer.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

pub(super) fn length(table: &Table<'_>, key: &str) -> Option<SignedDuration> {
    let length = table.duration(key)?;
    if length.value > LONGEST {
        table.note_at(&length, "expected at most 366d");
        return None;
    }
    Some(length.value)
}

/// A number of 1 and more.
pub(super) fn number(table: &Table<'_>, key: &str) -> Option<u32> {
    let written = table.whole(key)?;
    let number = u32::try_from(written.value).ok().filter(|number| *number > 0);
    if number.is_none() {
        table.note_at(&written, "expected a whole number from 1");
    }
    number
}
