//! One column of a group, from COPY's bytes to pages.

use std::io::Write;

use parquet::{
    column::writer::ColumnWriterImpl,
    data_type::{
        BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType,
        Int32Type, Int64Type,
    },
    errors::{ParquetError, Result},
    file::writer::SerializedRowGroupWriter,
};

use crate::{
    Carried, epoch,
    group::{Filled, Values},
};

/// How many values are handed over at once: enough to spread the cost of a call, few enough to stay in the cache.
const BATCH: usize = 1024;

/// Writes the next column of a group.
pub(crate) fn write<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    carried: Carried,
    rows: &Filled,
    column: usize,
) -> Result<()> {
    let (Some(mut chunk), Some(values)) = (group.next_column()?, rows.column(column)) else {
        return Err(ParquetError::General("the file has no such column".to_owned()));
    };
    match carried {
        Carried::Bool => put(chunk.typed::<BoolType>(), values, |[byte]| Some(byte != 0)),
        Carried::Int2 => put(chunk.typed::<Int32Type>(), values, |bytes| Some(i32::from(i16::from_be_bytes(bytes)))),
        Carried::Int4 => put(chunk.typed::<Int32Type>(), values, |bytes| Some(i32::from_be_bytes(bytes))),
        Carried::Date => {
            put(chunk.typed::<Int32Type>(), values, |bytes| epoch::date_to_parquet(i32::from_be_bytes(bytes)))
        }
        Carried::Int8 => put(chunk.typed::<Int64Type>(), values, |bytes| Some(i64::from_be_bytes(bytes))),
        Carried::Oid => put(chunk.typed::<Int64Type>(), values, |bytes| Some(i64::from(u32::from_be_bytes(bytes)))),
        Carried::Timestamptz | Carried::Timestamp => {
            put(chunk.typed::<Int64Type>(), values, |bytes| epoch::timestamp_to_parquet(i64::from_be_bytes(bytes)))
        }
        Carried::Float4 => put(chunk.typed::<FloatType>(), values, |bytes| Some(f32::from_be_bytes(bytes))),
        Carried::Float8 => put(chunk.typed::<DoubleType>(), values, |bytes| Some(f64::from_be_bytes(bytes))),
        Carried::Uuid => put_with(chunk.typed::<FixedLenByteArrayType>(), values, |bytes| {
            Some(FixedLenByteArray::from(ByteArray::from(values.share(bytes))))
        }),
        Carried::Text | Carried::Json | Carried::Bytea | Carried::AsText => {
            put_with(chunk.typed::<ByteArrayType>(), values, |bytes| Some(values.share(bytes).into()))
        }
    }?;
    chunk.close()
}

/// Values of a fixed width.
fn put<T: DataType, const WIDTH: usize>(
    writer: &mut ColumnWriterImpl<'_, T>,
    values: &Values,
    value: impl Fn([u8; WIDTH]) -> Option<T::T>,
) -> Result<()> {
    put_with(writer, values, |bytes| value(bytes.try_into().ok()?))
}

fn put_with<'a, T: DataType>(
    writer: &mut ColumnWriterImpl<'_, T>,
    column: &'a Values,
    value: impl Fn(&'a [u8]) -> Option<T::T>,
) -> Result<()> {
    let mut values = Vec::with_capacity(BATCH);
    let mut levels = Vec::with_capacity(BATCH);
    for bytes in column.iter() {
        levels.push(i16::from(bytes.is_some()));
        if let Some(bytes) = bytes {
            // Every value was checked when its row came in; one that does not fit must not become NULL.
            let Some(value) = value(bytes) else {
                return Err(ParquetError::General("a column holds a value that was not checked".to_owned()));
            };
            values.push(value);
        }
        if levels.len() == BATCH {
            writer.write_batch(&values, Some(&levels), None)?;
            values.clear();
            levels.clear();
        }
    }
    if !levels.is_empty() {
        writer.write_batch(&values, Some(&levels), None)?;
    }
    Ok(())
}
