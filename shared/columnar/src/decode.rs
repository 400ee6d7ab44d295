//! Columns of a group back to tuples of COPY.

use bytes::Bytes;
use parquet::{
    column::reader::ColumnReaderImpl,
    data_type::{
        BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType,
        Int32Type, Int64Type,
    },
    schema::types::ColumnDescPtr,
};

use crate::{
    Carried, Column, Error, TUPLE_MAX, epoch,
    file::{damaged, guarded},
    pages::Pages,
};

/// How many rows are read at once; their longer values are parts of their pages.
const BATCH: usize = 1024;

/// Reads all columns of a group side by side.
#[derive(Default)]
pub(crate) struct Decoder {
    columns: Vec<Box<dyn Values>>,
}

/// The values of a column, some rows at a time.
trait Values {
    /// Reads the next rows, and says how many there were.
    fn read(&mut self, rows: usize) -> Result<usize, Error>;
    /// Adds the next value, as COPY has it.
    fn write(&mut self, tuple: &mut Vec<u8>) -> Result<(), Error>;
}

impl Decoder {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds the next column, with its bytes.
    pub(crate) fn add(&mut self, column: &Column, described: ColumnDescPtr, bytes: Bytes) {
        let source = Source { name: column.name.clone(), pages: Pages::new(bytes, column.carried), described };
        self.columns.push(match column.carried {
            Carried::Bool => source.read::<BoolType, 1>(|value| Some([u8::from(*value)])),
            Carried::Int2 => source.read::<Int32Type, 2>(|value| Some(i16::try_from(*value).ok()?.to_be_bytes())),
            Carried::Int4 => source.read::<Int32Type, 4>(|value| Some(value.to_be_bytes())),
            Carried::Date => source.read::<Int32Type, 4>(|value| Some(epoch::date_from_parquet(*value)?.to_be_bytes())),
            Carried::Int8 => source.read::<Int64Type, 8>(|value| Some(value.to_be_bytes())),
            Carried::Oid => source.read::<Int64Type, 4>(|value| Some(u32::try_from(*value).ok()?.to_be_bytes())),
            Carried::Timestamptz | Carried::Timestamp => {
                source.read::<Int64Type, 8>(|value| Some(epoch::timestamp_from_parquet(*value)?.to_be_bytes()))
            }
            Carried::Float4 => source.read::<FloatType, 4>(|value| Some(value.to_be_bytes())),
            Carried::Float8 => source.read::<DoubleType, 8>(|value| Some(value.to_be_bytes())),
            Carried::Uuid => {
                source.read::<FixedLenByteArrayType, 16>(|value: &FixedLenByteArray| value.data().try_into().ok())
            }
            Carried::Text | Carried::Json | Carried::Bytea | Carried::AsText => {
                source.read_with::<ByteArrayType>(|value: &ByteArray, tuple| put(value.data(), tuple))
            }
        });
    }

    /// Gives the group's tuples in order.
    pub(crate) fn tuples<E: From<Error>>(
        mut self,
        mut rows: u64,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        // A file's columns are no more than a tuple can have.
        let count = (self.columns.len() as i16).to_be_bytes();
        let mut tuple = Vec::new();
        while rows > 0 {
            let batch = usize::try_from(rows).map_or(BATCH, |rows| rows.min(BATCH));
            for column in &mut self.columns {
                let read = column.read(batch)?;
                if read != batch {
                    return Err(damaged(format!("a column ends {} rows too soon", rows - read as u64)).into());
                }
            }
            for _ in 0..batch {
                tuple.clear();
                tuple.extend_from_slice(&count);
                for column in &mut self.columns {
                    column.write(&mut tuple)?;
                }
                each(&tuple)?;
            }
            rows -= batch as u64;
        }
        for column in &mut self.columns {
            if column.read(1)? != 0 {
                return Err(damaged("a column has more rows than its group").into());
            }
        }
        Ok(())
    }
}

/// A column that is not typed yet.
struct Source {
    name: String,
    pages: Pages,
    described: ColumnDescPtr,
}

impl Source {
    /// Values of a fixed width in COPY; `None` is a value that Postgres cannot have.
    fn read<T: DataType, const WIDTH: usize>(
        self,
        value: impl Fn(&T::T) -> Option<[u8; WIDTH]> + 'static,
    ) -> Box<dyn Values> {
        self.read_with::<T>(move |carried, tuple| put(&value(carried)?, tuple))
    }

    fn read_with<T: DataType>(self, write: impl Fn(&T::T, &mut Vec<u8>) -> Option<()> + 'static) -> Box<dyn Values> {
        let reader = ColumnReaderImpl::<T>::new(self.described, Box::new(self.pages));
        let name = self.name;
        Box::new(Typed { name, reader, write, levels: vec![], values: vec![], next_level: 0, next_value: 0 })
    }
}

/// The values of a column whose type is known.
struct Typed<T: DataType, F> {
    name: String,
    reader: ColumnReaderImpl<T>,
    write: F,
    /// 1 for a value, 0 for NULL.
    levels: Vec<i16>,
    values: Vec<T::T>,
    next_level: usize,
    next_value: usize,
}

impl<T: DataType, F: Fn(&T::T, &mut Vec<u8>) -> Option<()>> Values for Typed<T, F> {
    fn read(&mut self, rows: usize) -> Result<usize, Error> {
        self.levels.clear();
        self.values.clear();
        (self.next_level, self.next_value) = (0, 0);
        let Self { name, reader, levels, values, .. } = self;
        guarded(|| reader.read_records(rows, Some(levels), None, values))
            .map(|(rows, _, _)| rows)
            .map_err(|why| damaged(format!("column {name:?}: {why}")))
    }

    fn write(&mut self, tuple: &mut Vec<u8>) -> Result<(), Error> {
        let level = self.levels.get(self.next_level).copied();
        self.next_level += 1;
        match level {
            Some(0) => {
                tuple.extend_from_slice(&(-1_i32).to_be_bytes());
                return Ok(());
            }
            Some(1) => {}
            _ => return Err(damaged(format!("column {:?} has no value for a row", self.name))),
        }
        let value = self.values.get(self.next_value);
        self.next_value += 1;
        value
            .and_then(|value| (self.write)(value, tuple))
            .ok_or_else(|| damaged(format!("column {:?} has a value that Postgres cannot have", self.name)))
    }
}

/// Adds a value with its length; `None` when the tuple becomes longer than one may be.
fn put(value: &[u8], tuple: &mut Vec<u8>) -> Option<()> {
    if tuple.len() + 4 + value.len() > TUPLE_MAX {
        return None;
    }
    // Below TUPLE_MAX.
    tuple.extend_from_slice(&(value.len() as i32).to_be_bytes());
    tuple.extend_from_slice(value);
    Some(())
}
