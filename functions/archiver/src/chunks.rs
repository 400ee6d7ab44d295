//! Rows that are to be deleted: their keys, and the transaction that wrote each, in chunks that one transaction deletes.
//!
//! They are taken from what the archive holds, never from memory of what was sent there.

use columnar::copy::fields;
use columnar::{Carried, Column};
use domain::retention::Policy;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::source::Trouble;

/// So many rows are deleted in one transaction: some 50 ms, in which nobody waits long for a lock.
const ROWS: usize = 5_000;
/// Where each has objects, which are deleted one row after another while the rows are locked.
const ROWS_WITH_OBJECTS: usize = 100;

/// One transaction's worth of rows: an array for each column that tells them apart, in Postgres's binary form.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    /// Key columns, then `xmin`.
    pub(crate) arrays: Vec<Array>,
    /// The time of each row, as the table has it.
    pub(crate) times: Array,
}

impl Chunk {
    /// How many rows.
    pub(crate) fn len(&self) -> usize {
        self.times.count
    }
}

/// Values of one column, as an array for Postgres.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    /// The type of its elements: text for what is carried as text.
    element: Type,
    /// Each value with its length before it.
    values: Vec<u8>,
    count: usize,
}

impl Array {
    fn of(column: &Column) -> Self {
        Self { element: element(column.carried), values: Vec::new(), count: 0 }
    }

    fn push(&mut self, value: &[u8]) -> Result<(), Trouble> {
        let length = i32::try_from(value.len()).map_err(|_| Trouble::Refused("a key of more than 2 GiB".to_owned()))?;
        self.values.extend_from_slice(&length.to_be_bytes());
        self.values.extend_from_slice(value);
        self.count += 1;
        Ok(())
    }

    /// The type by which it goes to the server.
    pub(crate) fn ty(&self) -> Type {
        match self.element {
            Type::BOOL => Type::BOOL_ARRAY,
            Type::INT2 => Type::INT2_ARRAY,
            Type::INT4 => Type::INT4_ARRAY,
            Type::INT8 => Type::INT8_ARRAY,
            Type::FLOAT4 => Type::FLOAT4_ARRAY,
            Type::FLOAT8 => Type::FLOAT8_ARRAY,
            Type::BYTEA => Type::BYTEA_ARRAY,
            Type::UUID => Type::UUID_ARRAY,
            Type::TIMESTAMPTZ => Type::TIMESTAMPTZ_ARRAY,
            Type::TIMESTAMP => Type::TIMESTAMP_ARRAY,
            Type::DATE => Type::DATE_ARRAY,
            Type::XID => Type::XID_ARRAY,
            _ => Type::TEXT_ARRAY,
        }
    }
}

/// The type that a column's values have on the wire.
fn element(carried: Carried) -> Type {
    match carried {
        Carried::Bool => Type::BOOL,
        Carried::Int2 => Type::INT2,
        Carried::Int4 => Type::INT4,
        Carried::Int8 => Type::INT8,
        Carried::Float4 => Type::FLOAT4,
        Carried::Float8 => Type::FLOAT8,
        Carried::Bytea => Type::BYTEA,
        Carried::Uuid => Type::UUID,
        Carried::Timestamptz => Type::TIMESTAMPTZ,
        Carried::Timestamp => Type::TIMESTAMP,
        Carried::Date => Type::DATE,
        Carried::Oid => Type::XID,
        Carried::Text | Carried::Json | Carried::AsText => Type::TEXT,
    }
}

/// The wire form of an array: dimensions, whether it has nulls, the elements' type, length and lower bound, then the values.
/// <https://github.com/postgres/postgres/blob/REL_16_STABLE/src/backend/utils/adt/arrayfuncs.c> (`array_recv`)
impl ToSql for Array {
    fn to_sql(&self, _: &Type, out: &mut bytes::BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        for word in [1, 0] {
            out.extend_from_slice(&i32::to_be_bytes(word));
        }
        out.extend_from_slice(&self.element.oid().to_be_bytes());
        out.extend_from_slice(&i32::try_from(self.count)?.to_be_bytes());
        out.extend_from_slice(&1_i32.to_be_bytes());
        out.extend_from_slice(&self.values);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Collects rows into chunks.
#[derive(Debug)]
pub(crate) struct Collector {
    columns: Vec<Column>,
    /// Where key columns and `xmin` stand, and the time.
    keys: Vec<usize>,
    time: usize,
    has_objects: bool,
    chunks: Vec<Chunk>,
}

impl Collector {
    /// Collects rows of these columns, `xmin` among them, for a policy.
    ///
    /// # Errors
    /// When a column of the policy is none of them.
    pub(crate) fn new(columns: &[Column], policy: &Policy) -> Result<Self, Trouble> {
        let position = |name: &str| {
            let found = columns.iter().position(|column| column.name == name);
            found.ok_or_else(|| Trouble::Refused(format!("the archived rows have no column {name}")))
        };
        let names = policy.key.iter().map(String::as_str).chain([crate::source::WRITTEN_BY]);
        Ok(Self {
            keys: names.map(position).collect::<Result<_, _>>()?,
            time: position(&policy.time)?,
            has_objects: policy.objects.is_some(),
            columns: columns.to_vec(),
            chunks: Vec::new(),
        })
    }

    /// Takes a row, as binary COPY has it.
    ///
    /// # Errors
    /// When its key or time is null, which no row that may leave has.
    pub(crate) fn push(&mut self, tuple: &[u8]) -> Result<(), Trouble> {
        let values: Vec<Option<&[u8]>> =
            fields(tuple).and_then(Iterator::collect).map_err(|error| Trouble::Refused(error.to_string()))?;
        let most = if self.has_objects { ROWS_WITH_OBJECTS } else { ROWS };
        if self.chunks.last().is_none_or(|chunk| chunk.len() >= most) {
            let array = |position: &usize| self.columns.get(*position).map(Array::of);
            let chunk = Chunk {
                arrays: self.keys.iter().filter_map(array).collect(),
                times: self.columns.get(self.time).map(Array::of).ok_or_else(|| nothing("time"))?,
            };
            self.chunks.push(chunk);
        }
        let Some(chunk) = self.chunks.last_mut() else { return Ok(()) };
        let value = |position: usize| values.get(position).copied().flatten().ok_or_else(|| nothing("key or time"));
        for (array, position) in chunk.arrays.iter_mut().zip(&self.keys) {
            array.push(value(*position)?)?;
        }
        chunk.times.push(value(self.time)?)?;
        Ok(())
    }

    /// The chunks, in the order of their rows.
    pub(crate) fn finish(self) -> Vec<Chunk> {
        self.chunks
    }
}

fn nothing(what: &str) -> Trouble {
    Trouble::Refused(format!("an archived row has no {what}"))
}
