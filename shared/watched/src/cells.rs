//! What a database answered, whichever way it was asked.

use jiff::Timestamp;

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// NULL.
    Null,
    /// A number of any type, as the nearest double.
    Number(f64),
    /// A text.
    Text(String),
    /// A text that may stand for a number or an instant: JSON has no decimals and no dates.
    Written(String),
    /// A `timestamptz`.
    Instant(Timestamp),
    /// Anything else, by the name of its type.
    Other(String),
}

/// What a statement answered, or as much of it as was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// The names of the columns; none where there is no row.
    pub columns: Vec<String>,
    /// The rows, each with a value for every column.
    pub rows: Vec<Vec<Cell>>,
}

impl Rows {
    /// Where a column of this name is.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }
}
