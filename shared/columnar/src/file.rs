//! A file from its last bytes: what it holds, and where each group of rows lies in the object.

use std::{collections::BTreeMap, ops::Range, panic::AssertUnwindSafe};

use bytes::Bytes;
use parquet::{
    basic::Compression,
    file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData},
    schema::types::SchemaDescPtr,
};

use crate::{COLUMNS, CONTENT, Error, ROWS, Schema, decode, thrift};

/// What stands at both ends of a file.
const MAGIC: &[u8] = b"PAR1";
/// The footer's length and the magic, at the end of a file.
const TAIL: usize = 8;
/// A footer takes some 100 bytes for each column of each group.
const FOOTER_MAX: usize = 16 << 20;

/// A file that [`crate::Writer`] wrote, by its footer.
#[derive(Debug)]
pub struct File {
    schema: Schema,
    columns: SchemaDescPtr,
    metadata: BTreeMap<String, String>,
    rows: u64,
    groups: Vec<Group>,
    /// Where the columns of each group lie in the object.
    chunks: Vec<Vec<Range<u64>>>,
}

/// Rows that are read together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its bytes within the object.
    pub range: Range<u64>,
    /// How many rows it has.
    pub rows: u64,
}

/// What the end of an object tells.
#[derive(Debug)]
pub enum Parsed {
    /// Everything that is needed to read its rows.
    File(Box<File>),
    /// Too little: so many of the object's last bytes are needed.
    NeedMore(u64),
}

impl File {
    /// Reads the footer from the last bytes of an object of `object_size` bytes; 64 KiB mostly suffice.
    ///
    /// # Errors
    /// When the bytes are not the end of a file of [`crate::Writer`]'s. Whatever they are, nothing worse happens.
    pub fn parse(tail: &[u8], object_size: u64) -> Result<Parsed, Error> {
        // Besides the footer a file begins with the magic.
        let most = object_size.saturating_sub(MAGIC.len() as u64);
        if most < TAIL as u64 {
            return Err(damaged(format!("{object_size} bytes are too few for a file")));
        }
        let Some((before, end)) = tail.split_last_chunk::<TAIL>() else {
            return Ok(Parsed::NeedMore(TAIL as u64));
        };
        let [length @ .., _, _, _, _] = *end;
        if end[4..] != *MAGIC {
            return Err(damaged("it does not end with PAR1"));
        }
        let length = u32::from_le_bytes(length) as usize;
        let needed = (length + TAIL) as u64;
        if length > FOOTER_MAX || needed > most {
            return Err(damaged(format!("its footer claims {length} of {object_size} bytes")));
        }
        let Some(begin) = before.len().checked_sub(length) else { return Ok(Parsed::NeedMore(needed)) };
        let footer = footer(&before[begin..])?;
        Self::of(&footer, object_size - needed).map(|file| Parsed::File(Box::new(file)))
    }

    /// `end` is where the footer begins, and every group has ended.
    fn of(footer: &ParquetMetaData, end: u64) -> Result<Self, Error> {
        let metadata: BTreeMap<_, _> = footer
            .file_metadata()
            .key_value_metadata()
            .into_iter()
            .flatten()
            .filter_map(|entry| Some((entry.key.clone(), entry.value.clone()?)))
            .collect();
        let own = |key: &str| metadata.get(key).ok_or_else(|| damaged(format!("its metadata has no {key}")));
        let schema = Schema::from_json(own(COLUMNS)?)?;
        let columns = schema.parquet()?;
        let is = footer.file_metadata().schema_descr();
        if is.columns().len() != columns.columns().len()
            || is
                .columns()
                .iter()
                .zip(columns.columns())
                .any(|(is, expected)| is.physical_type() != expected.physical_type() || is.path() != expected.path())
        {
            return Err(damaged(format!("its columns are not those that {COLUMNS} names")));
        }
        let rows = own(ROWS)?.parse().map_err(|_| damaged(format!("{ROWS} is not a number")))?;
        own(CONTENT)?;

        let (mut groups, mut chunks) = (Vec::new(), Vec::new());
        let mut at = MAGIC.len() as u64;
        let mut counted = 0_u64;
        for group in footer.row_groups() {
            let ranges = ranges(group, at)?;
            let next = ranges.last().map_or(at, |range| range.end);
            let count = u64::try_from(group.num_rows()).map_err(|_| damaged("a group has less than no rows"))?;
            groups.push(Group { range: at..next, rows: count });
            chunks.push(ranges);
            counted = counted.saturating_add(count);
            at = next;
        }
        if at > end {
            return Err(damaged("its groups reach beyond its end"));
        }
        if counted != rows {
            return Err(damaged(format!("its groups have {counted} rows where {ROWS} says {rows}")));
        }
        Ok(Self { schema, columns, metadata, rows, groups, chunks })
    }

    /// Its columns.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The [hash](crate::Content) of its rows, as the writer noted it; only decoding them proves it.
    pub fn content(&self) -> &str {
        self.metadata(CONTENT).unwrap_or_default()
    }

    /// What stands under a key of its metadata.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// Its groups, in the order of its rows and of the object's bytes.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Gives the tuples of a group, byte for byte as they were pushed, from the bytes of its [range](Group::range).
    ///
    /// # Errors
    /// When the bytes are not such a group's, or `each` refuses a tuple. Tuples that were given before stand.
    pub fn decode<E: From<Error>>(
        &self,
        group: usize,
        bytes: Bytes,
        each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (Some(Group { range, rows }), Some(chunks)) = (self.groups.get(group), self.chunks.get(group)) else {
            return Err(damaged(format!("it has {} groups, and none of number {group}", self.groups.len())).into());
        };
        if bytes.len() as u64 != range.end - range.start {
            let (is, expected) = (bytes.len(), range.end - range.start);
            return Err(damaged(format!("group {group} has {expected} bytes, and {is} were read")).into());
        }
        let mut decoder = decode::Decoder::new();
        for ((column, described), chunk) in self.schema.iter().zip(self.columns.columns()).zip(chunks) {
            // Within the group, whose bytes these are: both were checked above.
            let within = (chunk.start - range.start) as usize..(chunk.end - range.start) as usize;
            decoder.add(column, described.clone(), bytes.slice(within));
        }
        decoder.tuples(*rows, each)
    }
}

/// Where the columns of a group lie: one after the other, from `at` on.
fn ranges(group: &RowGroupMetaData, mut at: u64) -> Result<Vec<Range<u64>>, Error> {
    let mut ranges = Vec::with_capacity(group.columns().len());
    for column in group.columns() {
        if !matches!(column.compression(), Compression::ZSTD(_)) {
            return Err(damaged("a column is not compressed with zstd"));
        }
        let begin = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
        let (Ok(begin), Ok(length)) = (u64::try_from(begin), u64::try_from(column.compressed_size())) else {
            return Err(damaged("a column begins before the file or has less than no bytes"));
        };
        let end = begin.checked_add(length).filter(|_| begin == at);
        let Some(end) = end else { return Err(damaged("its columns do not follow one another")) };
        ranges.push(begin..end);
        at = end;
    }
    Ok(ranges)
}

fn footer(bytes: &[u8]) -> Result<ParquetMetaData, Error> {
    // The library allocates lists by the length that they claim.
    if thrift::Reader::new(bytes).skip(thrift::STRUCT).is_none() {
        return Err(damaged("its footer is cut or garbled"));
    }
    // The library asserts some of what a footer claims.
    guarded(|| ParquetMetaDataReader::decode_metadata(bytes)).map_err(|why| damaged(format!("its footer: {why}")))
}

/// Runs the library on bytes from outside: its panics, for it has asserts and indices that bytes can violate, become
/// errors like its errors.
pub(crate) fn guarded<T>(read: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T, String> {
    match std::panic::catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the Parquet library found it inconsistent".to_owned()),
    }
}

pub(crate) fn damaged(why: impl Into<String>) -> Error {
    Error::Damaged(why.into())
}
