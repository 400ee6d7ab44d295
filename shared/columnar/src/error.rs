//! What can go wrong between tuples and a file.

/// Why rows were not written or not read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The value is right in Postgres, and Parquet has no place for it: begin anew with this column carried as text.
    #[error("column {column:?} holds {value}, which Parquet cannot say; carry the column as text")]
    Unrepresentable {
        /// The column's name.
        column: String,
        /// The value as Postgres sent it.
        value: String,
    },
    /// Not what `COPY ... (FORMAT binary)` sends for these columns.
    #[error("malformed COPY data: {0}")]
    Malformed(String),
    /// One row is longer than [`crate::TUPLE_MAX`].
    #[error("a row of {bytes} bytes is longer than the {} that one row may have", crate::TUPLE_MAX)]
    TooLong {
        /// How long it is at least.
        bytes: u64,
    },
    /// Columns or metadata that no file can have.
    #[error("{0}")]
    Schema(String),
    /// The bytes are not a file as [`crate::Writer`] writes it.
    #[error("damaged or foreign Parquet file: {0}")]
    Damaged(String),
    /// The Parquet library refused.
    #[error("failed to {what}")]
    Parquet {
        /// The operation.
        what: &'static str,
        /// The library's reason.
        #[source]
        source: parquet::errors::ParquetError,
    },
}

impl Error {
    pub(crate) fn malformed(column: &str, why: impl std::fmt::Display) -> Self {
        Self::Malformed(format!("column {column:?}: {why}"))
    }

    pub(crate) fn parquet(what: &'static str) -> impl FnOnce(parquet::errors::ParquetError) -> Self {
        move |source| Self::Parquet { what, source }
    }
}
