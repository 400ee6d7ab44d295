//! Tuples of COPY to a Parquet file, group by group.

use std::io;

use bytes::Bytes;
use parquet::{
    file::{metadata::KeyValue, writer::SerializedFileWriter},
    schema::types::SchemaDescPtr,
};

use crate::{COLUMNS, CONTENT, Content, Error, ROWS, Schema, TUPLE_MAX, chunk, group::Rows, layout};

/// When a group of rows is written. Both the writer and a reader hold one group at a time.
///
/// A million audit rows of 207 MB make a file of 69.0, 66.7 and 64.6 MB with groups of 4, 8 and 16 MiB: the default is
/// small enough for a small function's memory, and for whoever waits until the last group of a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// At most so many rows.
    pub row_group_rows: usize,
    /// At about so many bytes, as COPY sends them and with four for each value; [`TUPLE_MAX`] at most.
    pub row_group_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { row_group_rows: 1 << 20, row_group_bytes: 8 << 20 }
    }
}

/// Writes one file; what it has finished is [taken](Writer::take) from it part by part.
///
/// After an error the file cannot be gone on with.
#[derive(Debug)]
pub struct Writer {
    schema: Schema,
    metadata: Vec<KeyValue>,
    limits: Limits,
    rows: Rows,
    /// Begun with the first group, whose values decide how columns are laid out.
    file: Option<SerializedFileWriter<Finished>>,
    content: Content,
    written: u64,
    taken: u64,
}

/// What a finished file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What is finished and not yet taken: the end of the file.
    pub rest: Bytes,
    /// How many rows it has.
    pub rows: u64,
    /// How long it is.
    pub bytes: u64,
    /// The [hash](Content) of its rows.
    pub content: String,
}

/// Bytes of the file that nobody has taken yet.
#[derive(Debug, Default)]
struct Finished(Vec<u8>);

impl io::Write for Finished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Writer {
    /// Begins a file with metadata of the caller's beside its own.
    ///
    /// # Errors
    /// When the metadata has a key that the file itself needs, or the columns make no schema.
    pub fn new(schema: Schema, metadata: &[(&str, &str)], limits: Limits) -> Result<Self, Error> {
        if let Some((key, _)) = metadata.iter().find(|(key, _)| [COLUMNS, ROWS, CONTENT].contains(key)) {
            return Err(Error::Schema(format!("the metadata {key:?} is the file's own; choose another key")));
        }
        let metadata = metadata.iter().map(|(key, value)| entry(key, (*value).to_owned())).collect();
        let limits = Limits { row_group_bytes: limits.row_group_bytes.min(TUPLE_MAX), ..limits };
        let rows = Rows::new(schema.len());
        schema.parquet()?;
        Ok(Self { schema, metadata, limits, rows, file: None, content: Content::new(), written: 0, taken: 0 })
    }

    /// Adds a row: one tuple of binary COPY, its number of values first.
    ///
    /// # Errors
    /// [`Error::Unrepresentable`] for a value that has to be carried as text, [`Error::TooLong`], or what does not fit
    /// the columns.
    pub fn push(&mut self, tuple: &[u8]) -> Result<(), Error> {
        self.rows.push(&self.schema, tuple)?;
        self.content.update(tuple);
        self.written += 1;
        if self.rows.count() >= self.limits.row_group_rows || self.rows.size() >= self.limits.row_group_bytes {
            self.write_group()?;
        }
        Ok(())
    }

    /// How many bytes [`Writer::take`] would give.
    pub fn finished(&self) -> usize {
        self.file.as_ref().map_or(0, |file| file.inner().0.len())
    }

    /// The part of the file that is finished and was not taken before; empty between groups.
    pub fn take(&mut self) -> Bytes {
        let part = self.file.as_mut().map(|file| std::mem::take(&mut file.inner_mut().0)).unwrap_or_default();
        self.taken += part.len() as u64;
        part.into()
    }

    /// Writes the last group and the footer.
    ///
    /// # Errors
    /// When the library refuses.
    pub fn finish(mut self) -> Result<Written, Error> {
        if self.rows.count() > 0 {
            self.write_group()?;
        }
        let content = std::mem::take(&mut self.content).finish();
        let mut file = match self.file.take() {
            Some(file) => file,
            None => begin(&self.schema, layout::properties(&self.schema, None)?)?,
        };
        for metadata in self.metadata {
            file.append_key_value_metadata(metadata);
        }
        file.append_key_value_metadata(entry(COLUMNS, self.schema.to_json()?));
        file.append_key_value_metadata(entry(ROWS, self.written.to_string()));
        file.append_key_value_metadata(entry(CONTENT, content.clone()));
        file.finish().map_err(Error::parquet("write the file's footer"))?;
        let bytes = file.bytes_written() as u64;
        let rest = std::mem::take(&mut file.inner_mut().0);
        debug_assert_eq!(self.taken + rest.len() as u64, bytes);
        Ok(Written { rest: rest.into(), rows: self.written, bytes, content })
    }

    fn write_group(&mut self) -> Result<(), Error> {
        let rows = self.rows.fill();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(begin(&self.schema, layout::properties(&self.schema, Some(&rows))?)?),
        };
        let mut write = || {
            let mut group = file.next_row_group()?;
            for (index, column) in self.schema.iter().enumerate() {
                chunk::write(&mut group, column.carried, &rows, index)?;
            }
            group.close()?;
            // What the library buffers belongs to what can be taken.
            file.flush()?;
            Ok(())
        };
        write().map_err(Error::parquet("write a group of rows"))?;
        self.rows.reuse(rows);
        Ok(())
    }
}

fn begin(
    schema: &Schema,
    properties: parquet::file::properties::WriterPropertiesPtr,
) -> Result<SerializedFileWriter<Finished>, Error> {
    let columns: SchemaDescPtr = schema.parquet()?;
    SerializedFileWriter::new(Finished::default(), columns.root_schema_ptr(), properties)
        .map_err(Error::parquet("begin a file"))
}

fn entry(key: &str, value: String) -> KeyValue {
    KeyValue::new(key.to_owned(), value)
}
