//! How a column is carried: as what Parquet has too, or as text.

use parquet::basic::{LogicalType, TimeUnit, Type as Physical};
use serde::{Deserialize, Serialize};

/// How the values of a column stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carried {
    /// BOOLEAN.
    Bool,
    /// INT32 of 16 bits.
    Int2,
    /// INT32.
    Int4,
    /// INT64.
    Int8,
    /// FLOAT, bit for bit.
    Float4,
    /// DOUBLE, bit for bit.
    Float8,
    /// STRING: what Postgres itself sends as text.
    Text,
    /// json and jsonb, by their text: jsonb's own binary form is a version number and that same text, and other readers
    /// see JSON.
    Json,
    /// BYTE_ARRAY.
    Bytea,
    /// FIXED_LEN_BYTE_ARRAY(16) of UUID.
    Uuid,
    /// INT64 of TIMESTAMP(MICROS, UTC); ±infinity is ±`i64::MAX`, as DuckDB has it.
    Timestamptz,
    /// INT64 of TIMESTAMP(MICROS, local); ±infinity is ±`i64::MAX`.
    Timestamp,
    /// INT32 of DATE; ±infinity is ±`i32::MAX`.
    Date,
    /// Postgres's unsigned numbers of 32 bits (`oid`, `xid`, `regclass` ...) as INT64: readers without unsigned types,
    /// Athena among them, would show half of them negative in an INT32.
    Oid,
    /// STRING of the value's text, from which the type reads it back. Everything that Parquet has not, or has narrower.
    AsText,
}

impl Carried {
    /// By a type's OID. Those of built-in types never change.
    /// <https://github.com/postgres/postgres/blob/REL_15_STABLE/src/include/catalog/pg_type.dat>
    pub(crate) fn of(type_oid: u32) -> Self {
        match type_oid {
            16 => Self::Bool,
            21 => Self::Int2,
            23 => Self::Int4,
            20 => Self::Int8,
            700 => Self::Float4,
            701 => Self::Float8,
            // text, varchar, char(n) with its blanks, name: all send the characters they hold.
            25 | 1043 | 1042 | 19 => Self::Text,
            114 | 3802 => Self::Json,
            17 => Self::Bytea,
            2950 => Self::Uuid,
            1184 => Self::Timestamptz,
            1114 => Self::Timestamp,
            1082 => Self::Date,
            // oid, xid, cid, and the reg* types: their text is a name, which may mean another object elsewhere or later.
            26 | 28 | 29 | 24 | 2202..=2206 | 3734 | 3769 | 4089 | 4096 | 4191 => Self::Oid,
            _ => Self::AsText,
        }
    }

    /// Whether COPY must be asked for the value's text.
    pub(crate) fn cast_to_text(self) -> bool {
        matches!(self, Self::AsText | Self::Json)
    }

    /// How many bytes COPY sends for a value, where all have as many.
    pub(crate) fn width(self) -> Option<usize> {
        match self {
            Self::Bool => Some(1),
            Self::Int2 => Some(2),
            Self::Int4 | Self::Float4 | Self::Date | Self::Oid => Some(4),
            Self::Int8 | Self::Float8 | Self::Timestamptz | Self::Timestamp => Some(8),
            Self::Uuid => Some(16),
            Self::Text | Self::Json | Self::Bytea | Self::AsText => None,
        }
    }

    pub(crate) fn physical(self) -> Physical {
        match self {
            Self::Bool => Physical::BOOLEAN,
            Self::Int2 | Self::Int4 | Self::Date => Physical::INT32,
            Self::Int8 | Self::Timestamptz | Self::Timestamp | Self::Oid => Physical::INT64,
            Self::Float4 => Physical::FLOAT,
            Self::Float8 => Physical::DOUBLE,
            Self::Uuid => Physical::FIXED_LEN_BYTE_ARRAY,
            Self::Text | Self::Json | Self::Bytea | Self::AsText => Physical::BYTE_ARRAY,
        }
    }

    pub(crate) fn logical(self) -> Option<LogicalType> {
        match self {
            Self::Int2 => Some(LogicalType::integer(16, true)),
            Self::Text | Self::AsText => Some(LogicalType::String),
            Self::Json => Some(LogicalType::Json),
            Self::Uuid => Some(LogicalType::Uuid),
            Self::Timestamptz => Some(LogicalType::timestamp(true, TimeUnit::MICROS)),
            Self::Timestamp => Some(LogicalType::timestamp(false, TimeUnit::MICROS)),
            Self::Date => Some(LogicalType::Date),
            Self::Bool | Self::Int4 | Self::Int8 | Self::Float4 | Self::Float8 | Self::Bytea | Self::Oid => None,
        }
    }

    /// In Athena's DDL. Tables of files have neither uuid nor json there.
    /// <https://docs.aws.amazon.com/athena/latest/ug/data-types.html>
    pub(crate) fn athena(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Int2 => "smallint",
            Self::Int4 => "int",
            Self::Int8 | Self::Oid => "bigint",
            Self::Float4 => "float",
            Self::Float8 => "double",
            Self::Text | Self::Json | Self::AsText => "string",
            Self::Bytea | Self::Uuid => "binary",
            Self::Timestamptz | Self::Timestamp => "timestamp",
            Self::Date => "date",
        }
    }
}
