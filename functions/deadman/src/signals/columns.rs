//! Columns of what a watched database answers: instants and texts, whichever way it was asked.

use domain::Timestamp;
use domain::notification::truncate;
use watched::{Cell, Rows};

/// The value in a row's column; NULL where the row has no such column.
fn cell<'r>(rows: &'r Rows, row: &'r [Cell], name: &str) -> &'r Cell {
    rows.column(name).and_then(|index| row.get(index)).unwrap_or(&Cell::Null)
}

/// The instant in a column; `None` where it is NULL or missing.
///
/// # Errors
/// What it is instead, and what to do.
pub(super) fn instant(rows: &Rows, row: &[Cell], name: &str) -> Result<Option<Timestamp>, String> {
    let expected = |what: &str| format!("column `{name}` is {what}, expected a timestamptz");
    match cell(rows, row, name) {
        Cell::Null => Ok(None),
        Cell::Instant(at) => Ok(Some(*at)),
        // From a query function: JSON has no instants.
        Cell::Written(text) => text.trim().parse().map(Some).map_err(|_| {
            let text = truncate(text, 40);
            expected(&format!("the text `{text}`")) + " with its offset, as in 2026-03-01T06:00:00Z"
        }),
        Cell::Number(_) => Err(expected("a number") + ": as in to_timestamp(…)"),
        Cell::Text(_) => Err(expected("of type text") + ": cast it, as in …::timestamptz"),
        Cell::Other(ty) => Err(expected(&format!("of type {ty}")) + ": cast it, as in … at time zone 'UTC'"),
    }
}

/// The text in a column; `None` where it is NULL, missing or says nothing.
pub(super) fn text(rows: &Rows, row: &[Cell], name: &str) -> Option<String> {
    let text = match cell(rows, row, name) {
        Cell::Text(text) | Cell::Written(text) => text.trim().to_owned(),
        Cell::Number(number) => number.to_string(),
        Cell::Instant(at) => at.to_string(),
        Cell::Other(ty) => format!("a value of type {ty}"),
        Cell::Null => return None,
    };
    (!text.is_empty()).then(|| truncate(&text, LONGEST_NOTE))
}

/// As much of what a job says about itself as is passed on, in characters.
pub(super) const LONGEST_NOTE: usize = 300;
