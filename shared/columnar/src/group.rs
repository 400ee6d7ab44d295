//! The rows of a group while it fills: checked, and taken apart into columns, which are written one after another.

use bytes::{Bytes, BytesMut};

use crate::{Carried, Column, Error, Schema, TUPLE_MAX, copy, epoch};

/// Of a value that is NULL, instead of a length.
const NULL: i32 = -1;

/// Rows of a group, as they came.
#[derive(Debug)]
pub(crate) struct Rows {
    columns: Vec<Filling>,
    rows: usize,
    /// See [`Rows::size`].
    size: usize,
}

/// A column while rows come.
#[derive(Debug, Default)]
struct Filling {
    values: BytesMut,
    /// Of each value, in the order of rows.
    lengths: Vec<i32>,
}

/// Rows that are complete, column by column.
#[derive(Debug)]
pub(crate) struct Filled {
    columns: Vec<Values>,
}

/// The values of one column.
#[derive(Debug)]
pub(crate) struct Values {
    bytes: Bytes,
    lengths: Vec<i32>,
}

impl Rows {
    pub(crate) fn new(columns: usize) -> Self {
        Self { columns: std::iter::repeat_with(Filling::default).take(columns).collect(), rows: 0, size: 0 }
    }

    pub(crate) fn count(&self) -> usize {
        self.rows
    }

    /// What the rows take in memory, about: as COPY sends them, and four bytes for each value.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Adds a row, or leaves everything as it was and says why.
    pub(crate) fn push(&mut self, schema: &Schema, tuple: &[u8]) -> Result<(), Error> {
        if tuple.len() > TUPLE_MAX {
            return Err(Error::TooLong { bytes: tuple.len() as u64 });
        }
        let fields = copy::fields(tuple)?;
        if fields.remaining() != schema.len() {
            let (sent, expected) = (fields.remaining(), schema.len());
            return Err(Error::Malformed(format!("a row has {sent} values where {expected} columns are expected")));
        }
        for (column, value) in schema.iter().zip(copy::fields(tuple)?) {
            if let Some(value) = value.map_err(|error| Error::malformed(&column.name, error))? {
                check(column, value)?;
            }
        }
        for (column, value) in self.columns.iter_mut().zip(fields) {
            column.push(value?);
        }
        self.rows += 1;
        self.size += tuple.len() + self.columns.len() * size_of::<i32>();
        Ok(())
    }

    /// Takes the rows out.
    pub(crate) fn fill(&mut self) -> Filled {
        self.rows = 0;
        self.size = 0;
        Filled { columns: self.columns.iter_mut().map(Filling::fill).collect() }
    }

    /// Gives the memory of rows that are written to those that come.
    pub(crate) fn reuse(&mut self, filled: Filled) {
        for (column, values) in self.columns.iter_mut().zip(filled.columns) {
            column.lengths = values.lengths;
            column.lengths.clear();
            if let Ok(mut bytes) = values.bytes.try_into_mut() {
                bytes.clear();
                column.values = bytes;
            }
        }
    }
}

impl Filling {
    fn push(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => {
                self.values.extend_from_slice(value);
                // A tuple is no longer than `TUPLE_MAX`.
                self.lengths.push(value.len() as i32);
            }
            None => self.lengths.push(NULL),
        }
    }

    fn fill(&mut self) -> Values {
        Values { bytes: self.values.split().freeze(), lengths: std::mem::take(&mut self.lengths) }
    }
}

impl Filled {
    /// The values of one column; of one that there is not, none.
    pub(crate) fn column(&self, column: usize) -> Option<&Values> {
        self.columns.get(column)
    }
}

impl Values {
    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let mut rest: &[u8] = &self.bytes;
        self.lengths.iter().map(move |length| {
            let (value, after) = rest.split_at_checked(usize::try_from(*length).ok()?)?;
            rest = after;
            Some(value)
        })
    }

    /// The value as a part of these: nothing is copied.
    pub(crate) fn share(&self, value: &[u8]) -> Bytes {
        self.bytes.slice_ref(value)
    }
}

/// Whether the file can carry the value, and other readers read it.
fn check(column: &Column, value: &[u8]) -> Result<(), Error> {
    if let Some(width) = column.carried.width()
        && value.len() != width
    {
        let why = format!("a value of {} bytes where {:?} has {width}", value.len(), column.carried);
        return Err(Error::malformed(&column.name, why));
    }
    let unrepresentable = |value: String| Error::Unrepresentable { column: column.name.clone(), value };
    match column.carried {
        Carried::Bool if value != [0] && value != [1] => {
            Err(Error::malformed(&column.name, format!("{value:?} is no boolean")))
        }
        Carried::Timestamp | Carried::Timestamptz => {
            let Some(micros) = value.first_chunk().map(|bytes| i64::from_be_bytes(*bytes)) else { return Ok(()) };
            match epoch::timestamp_to_parquet(micros) {
                Some(_) => Ok(()),
                None => Err(unrepresentable(format!("a time {micros} microseconds after 2000-01-01"))),
            }
        }
        Carried::Date => {
            let Some(days) = value.first_chunk().map(|bytes| i32::from_be_bytes(*bytes)) else { return Ok(()) };
            match epoch::date_to_parquet(days) {
                Some(_) => Ok(()),
                None => Err(unrepresentable(format!("a day {days} days after 2000-01-01"))),
            }
        }
        Carried::Text | Carried::Json | Carried::AsText => match std::str::from_utf8(value) {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::malformed(&column.name, format!("not UTF-8, see SESSION: {error}"))),
        },
        _ => Ok(()),
    }
}
