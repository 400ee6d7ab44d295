//! How each column is laid out in a file, decided by the values of its first group.
//!
//! A dictionary pays where values repeat, and only takes time where they do not; what grows with time is packed by its
//! differences.

use std::sync::Arc;

use ahash::AHashSet;
use parquet::{
    basic::{Compression, Encoding, ZstdLevel},
    file::properties::{EnabledStatistics, WriterProperties},
    schema::types::ColumnPath,
};

use crate::{
    Carried, Error, Schema,
    group::{Filled, Values},
};

/// zstd's own default, with which a million audit rows take 3 s of one core.
const LEVEL: i32 = 3;
/// Beyond it a dictionary is given up for the rest of a group, in bytes.
const DICTIONARY_MAX: usize = 2 << 20;

pub(crate) fn properties(schema: &Schema, first: Option<&Filled>) -> Result<Arc<WriterProperties>, Error> {
    let level = ZstdLevel::try_new(LEVEL).map_err(Error::parquet("choose a level of zstd"))?;
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_dictionary_page_size_limit(DICTIONARY_MAX)
        // Groups are small, and their own statistics say which to read; pages' would only make the footer longer.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_created_by("watchkeeper".to_owned());
    for (index, column) in schema.iter().enumerate() {
        let path = ColumnPath::new(vec![column.name.clone()]);
        let dictionary = column.carried != Carried::Bool
            && first.and_then(|rows| rows.column(index)).is_some_and(|values| repeats(values, column.carried));
        properties = properties
            .set_column_dictionary_enabled(path.clone(), dictionary)
            .set_column_encoding(path.clone(), plain(column.carried));
        if matches!(column.carried, Carried::Json | Carried::Bytea | Carried::AsText) {
            // The order of their bytes is not the order of their values.
            properties = properties.set_column_statistics_enabled(path, EnabledStatistics::None);
        }
    }
    Ok(Arc::new(properties.build()))
}

/// The encoding of values that have no dictionary.
fn plain(carried: Carried) -> Encoding {
    match carried {
        Carried::Int2 | Carried::Int4 | Carried::Int8 => Encoding::DELTA_BINARY_PACKED,
        Carried::Timestamptz | Carried::Timestamp | Carried::Date | Carried::Oid => Encoding::DELTA_BINARY_PACKED,
        _ => Encoding::PLAIN,
    }
}

/// Whether values repeat often enough for a dictionary: those that pack well without, only if they are few.
fn repeats(values: &Values, carried: Carried) -> bool {
    let share = if plain(carried) == Encoding::PLAIN { 2 } else { 16 };
    let most = values.iter().count() / share;
    let mut distinct = AHashSet::new();
    values.iter().flatten().all(|value| {
        distinct.insert(value);
        distinct.len() <= most
    })
}
