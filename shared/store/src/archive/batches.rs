//! Batches, from planned to deleted.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::retention::BatchStatus;
use serde_json::Value;
use tokio_postgres::types::{Json, Type};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::Error;
use crate::rows::{column, word};
use crate::statements::Statement;

pub(super) static OPEN: Statement = Statement {
    name: "reading the open batch",
    sql: "select * from watchkeeper.archive_batches where policy = $1 and status <> 'deleted'",
    types: &[Type::TEXT],
};
pub(super) static INSERT: Statement = Statement {
    name: "planning a batch",
    sql: r#"insert into watchkeeper.archive_batches
              (batch_id, policy, "database", "table", key_from, key_to, first_at, last_at, object_key, status, planned_at,
               generation)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'planned', $10, $11)
            on conflict (policy) where status <> 'deleted' do nothing
            returning batch_id"#,
    types: &[
        Type::UUID,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::TIMESTAMPTZ,
        Type::INT4,
    ],
};
pub(super) static LAST_GENERATION: Statement = Statement {
    name: "looking for earlier batches of a range",
    sql: "select coalesce(max(generation), 0) as generation
          from watchkeeper.archive_batches
          where policy = $1 and first_at = $2 and key_from = $3 and key_to = $4 and batch_id <> $5",
    types: &[Type::TEXT, Type::TIMESTAMPTZ, Type::TEXT, Type::TEXT, Type::UUID],
};
pub(super) static UPLOADED: Statement = Statement {
    name: "noting an upload",
    sql: "update watchkeeper.archive_batches
          set status = 'uploaded', uploaded_at = $3, rows = $4, bytes = $5, raw_bytes = $6, checksum = $7, content = $8,
              columns = $9
          where batch_id = $1 and generation = $2 and status = 'planned'
          returning batch_id",
    types: &[
        Type::UUID,
        Type::INT4,
        Type::TIMESTAMPTZ,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::TEXT,
        Type::TEXT,
        Type::JSONB,
    ],
};
pub(super) static VERIFIED: Statement = Statement {
    name: "noting a verification",
    sql: "update watchkeeper.archive_batches
          set status = 'verified', verified_at = $3, checked_at = $3
          where batch_id = $1 and generation = $2 and status = 'uploaded'
          returning batch_id",
    types: &[Type::UUID, Type::INT4, Type::TIMESTAMPTZ],
};
pub(super) static PLAN_AGAIN: Statement = Statement {
    name: "planning a batch again",
    sql: "update watchkeeper.archive_batches
          set status = 'planned', generation = generation + 1, object_key = $3, last_failure = $4,
              uploaded_at = null, checksum = null, content = null, columns = null, rows = 0, bytes = 0, raw_bytes = 0
          where batch_id = $1 and generation = $2 and status in ('planned', 'uploaded')
          returning batch_id",
    types: &[Type::UUID, Type::INT4, Type::TEXT, Type::TEXT],
};
pub(super) static DISCARD: Statement = Statement {
    name: "discarding a batch",
    sql: "delete from watchkeeper.archive_batches
          where batch_id = $1 and generation = $2 and status = 'planned'
          returning batch_id",
    types: &[Type::UUID, Type::INT4],
};
pub(super) static DELETED: Statement = Statement {
    name: "closing a batch",
    sql: "update watchkeeper.archive_batches
          set status = 'deleted', deleted_at = $3, kept = $4,
              rows_deleted = rows - jsonb_array_length($4)
          where batch_id = $1 and generation = $2 and status = 'verified'
          returning batch_id",
    types: &[Type::UUID, Type::INT4, Type::TIMESTAMPTZ, Type::JSONB],
};
pub(super) static LIST: Statement = Statement {
    name: "listing batches",
    sql: "select *
          from watchkeeper.archive_batches
          where policy = $1
            and last_at >= coalesce($2, '-infinity') and first_at <= coalesce($3, 'infinity')
            and (first_at, batch_id) > (coalesce($4, '-infinity'), coalesce($5, '00000000-0000-0000-0000-000000000000'))
          order by first_at, batch_id
          limit $6",
    types: &[Type::TEXT, Type::TIMESTAMPTZ, Type::TIMESTAMPTZ, Type::TIMESTAMPTZ, Type::UUID, Type::INT8],
};
pub(super) static LEAST_CHECKED: Statement = Statement {
    name: "listing batches by their last check",
    sql: "select *
          from watchkeeper.archive_batches
          where policy = $1 and status = 'deleted' and checked_at < $2
          order by checked_at, batch_id
          limit $3",
    types: &[Type::TEXT, Type::TIMESTAMPTZ, Type::INT8],
};
pub(super) static CHECKED: Statement = Statement {
    name: "noting a check",
    sql: "update watchkeeper.archive_batches set checked_at = $2 where batch_id = $1 and checked_at < $2",
    types: &[Type::UUID, Type::TIMESTAMPTZ],
};
pub(super) static TOTALS: Statement = Statement {
    name: "adding batches up",
    sql: "select policy, count(*) as batches, sum(rows)::bigint as rows, sum(bytes)::bigint as bytes,
                 sum(raw_bytes)::bigint as raw_bytes
          from watchkeeper.archive_batches
          where status in ('verified', 'deleted')
          group by policy",
    types: &[],
};

/// A batch on record.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Its id.
    pub batch_id: Uuid,
    /// Its policy.
    pub policy: String,
    /// The database of the watch file that its rows are from.
    pub database: String,
    /// The table that its rows are from.
    pub table: String,
    /// Counts the objects that were begun for its range, by it and by batches before it.
    pub generation: i32,
    /// Instant and key of its first row: a JSON list of texts.
    pub key_from: String,
    /// The same of its last row.
    pub key_to: String,
    /// The instant of its first row.
    pub first_at: Timestamp,
    /// The instant of its last row.
    pub last_at: Timestamp,
    /// Where it is, below the archive bucket.
    pub object_key: String,
    /// How far it has come.
    pub status: BatchStatus,
    /// How many rows the object holds.
    pub rows: i64,
    /// The object's size, in bytes.
    pub bytes: i64,
    /// SHA-256 of the object, once it is uploaded.
    pub checksum: Option<String>,
    /// SHA-256 of its rows, once it is uploaded.
    pub content: Option<String>,
    /// Its columns, once it is uploaded.
    pub columns: Option<Value>,
    /// Keys of rows that stayed in the table, each a JSON list of texts.
    pub kept: Vec<Vec<Option<String>>>,
    /// Why the object before this one was given up.
    pub last_failure: Option<String>,
}

impl Batch {
    fn read(row: &Row) -> Result<Self, Error> {
        let Json(kept) = column::<Json<Vec<Vec<Option<String>>>>>(row, "kept")?;
        let columns: Option<Json<Value>> = column(row, "columns")?;
        Ok(Self {
            batch_id: column(row, "batch_id")?,
            policy: column(row, "policy")?,
            database: column(row, "database")?,
            table: column(row, "table")?,
            generation: column(row, "generation")?,
            key_from: column(row, "key_from")?,
            key_to: column(row, "key_to")?,
            first_at: column(row, "first_at")?,
            last_at: column(row, "last_at")?,
            object_key: column(row, "object_key")?,
            status: word(row, "status", BatchStatus::from_stored)?,
            rows: column(row, "rows")?,
            bytes: column(row, "bytes")?,
            checksum: column(row, "checksum")?,
            content: column(row, "content")?,
            columns: columns.map(|Json(columns)| columns),
            kept,
            last_failure: column(row, "last_failure")?,
        })
    }
}

/// A batch to be begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBatch<'a> {
    /// Its id.
    pub batch_id: Uuid,
    /// Its policy.
    pub policy: &'a str,
    /// The database of the watch file.
    pub database: &'a str,
    /// The table.
    pub table: &'a str,
    /// Instant and key of its first row.
    pub key_from: &'a str,
    /// The same of its last row.
    pub key_to: &'a str,
    /// The instant of its first row.
    pub first_at: Timestamp,
    /// The instant of its last row.
    pub last_at: Timestamp,
    /// Where it goes.
    pub object_key: &'a str,
    /// One more than [`last_generation`] of its range.
    pub generation: i32,
}

/// What an upload came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Uploaded {
    /// How many rows.
    pub rows: i64,
    /// Size of the object.
    pub bytes: i64,
    /// What its rows take in Postgres's binary form.
    pub raw_bytes: i64,
    /// SHA-256 of the object, in hexadecimal.
    pub checksum: String,
    /// SHA-256 of its rows.
    pub content: String,
    /// The columns.
    pub columns: Value,
}

/// Whether a change was ours to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Won {
    /// It is made.
    Yes,
    /// Somebody else has changed the batch meanwhile.
    No,
}

fn won(rows: &[Row]) -> Won {
    if rows.is_empty() { Won::No } else { Won::Yes }
}

/// The batch of a policy that was begun and not finished.
///
/// # Errors
/// The statement's failure, or [`Error::UnexpectedValue`].
pub async fn open(client: &Client, policy: &str) -> Result<Option<Batch>, Error> {
    OPEN.run(client, &[&policy]).await?.first().map(Batch::read).transpose()
}

/// How many objects other batches than `batch_id` have begun for a range: whose rows have all changed before they could be
/// deleted are planned once more, from the same first row to the same last.
///
/// # Errors
/// The statement's failure, or [`Error::UnexpectedValue`].
pub async fn last_generation(
    client: &Client,
    policy: &str,
    first_at: Timestamp,
    (key_from, key_to): (&str, &str),
    batch_id: Uuid,
) -> Result<i32, Error> {
    let rows = LAST_GENERATION.run(client, &[&policy, &first_at, &key_from, &key_to, &batch_id]).await?;
    rows.first().map_or(Ok(0), |row| column(row, "generation"))
}

/// Begins a batch; it is somebody else's turn where the policy has an open one.
///
/// # Errors
/// The statement's failure.
pub async fn insert(client: &Client, new: &NewBatch<'_>, now: Timestamp) -> Result<Won, Error> {
    let NewBatch { batch_id, policy, database, table, key_from, key_to, first_at, last_at, object_key, generation } =
        new;
    let rows = INSERT
        .run(
            client,
            &[batch_id, policy, database, table, key_from, key_to, first_at, last_at, object_key, &now, generation],
        )
        .await?;
    Ok(won(&rows))
}

/// Notes that an object stands for it.
///
/// # Errors
/// The statement's failure.
pub async fn uploaded(client: &Client, batch: &Batch, what: &Uploaded, now: Timestamp) -> Result<Won, Error> {
    let Uploaded { rows, bytes, raw_bytes, checksum, content, columns } = what;
    let columns = Json(columns);
    let answer = UPLOADED
        .run(client, &[&batch.batch_id, &batch.generation, &now, rows, bytes, raw_bytes, checksum, content, &columns])
        .await?;
    Ok(won(&answer))
}

/// Notes that the object was read back and holds its rows.
///
/// # Errors
/// The statement's failure.
pub async fn verified(client: &Client, batch: &Batch, now: Timestamp) -> Result<Won, Error> {
    VERIFIED.run(client, &[&batch.batch_id, &batch.generation, &now]).await.map(|rows| won(&rows))
}

/// Begins the batch anew with another object: the one before does not hold its rows.
///
/// # Errors
/// The statement's failure.
pub async fn plan_again(client: &Client, batch: &Batch, object_key: &str, why: &str) -> Result<Won, Error> {
    PLAN_AGAIN.run(client, &[&batch.batch_id, &batch.generation, &object_key, &why]).await.map(|rows| won(&rows))
}

/// Forgets a batch of which nothing stands yet: its rows are not to leave any more.
///
/// # Errors
/// The statement's failure.
pub async fn discard(client: &Client, batch: &Batch) -> Result<Won, Error> {
    DISCARD.run(client, &[&batch.batch_id, &batch.generation]).await.map(|rows| won(&rows))
}

/// Closes the batch: its rows are gone from the table, but for those whose keys are `kept`.
///
/// # Errors
/// The statement's failure.
pub async fn deleted(
    client: &Client,
    batch: &Batch,
    kept: &[Vec<Option<String>>],
    now: Timestamp,
) -> Result<Won, Error> {
    let kept = Json(kept);
    DELETED.run(client, &[&batch.batch_id, &batch.generation, &now, &kept]).await.map(|rows| won(&rows))
}

/// Batches of a policy with rows between two instants, in order of time; the next page follows `after`.
///
/// # Errors
/// The statement's failure, or [`Error::UnexpectedValue`].
pub async fn list(
    client: &Client,
    policy: &str,
    between: (Option<Timestamp>, Option<Timestamp>),
    after: Option<&Batch>,
    most: i64,
) -> Result<Vec<Batch>, Error> {
    let (from, to) = between;
    let (instant, id) = (after.map(|batch| batch.first_at), after.map(|batch| batch.batch_id));
    let rows = LIST.run(client, &[&policy, &from, &to, &instant, &id, &most]).await?;
    rows.iter().map(Batch::read).collect()
}

/// Batches of a policy whose objects were not read back since `before`, those longest unread first.
///
/// # Errors
/// The statement's failure, or [`Error::UnexpectedValue`].
pub async fn least_checked(client: &Client, policy: &str, before: Timestamp, most: i64) -> Result<Vec<Batch>, Error> {
    let rows = LEAST_CHECKED.run(client, &[&policy, &before, &most]).await?;
    rows.iter().map(Batch::read).collect()
}

/// Notes that the object was read back and found whole.
///
/// # Errors
/// The statement's failure.
pub async fn checked(client: &Client, batch: &Batch, now: Timestamp) -> Result<(), Error> {
    CHECKED.run(client, &[&batch.batch_id, &now]).await.map(drop)
}

/// What a policy has in cold storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Objects.
    pub batches: i64,
    /// Rows in them.
    pub rows: i64,
    /// Their size.
    pub bytes: i64,
    /// What their rows took in Postgres's binary form.
    pub raw_bytes: i64,
}

/// What each policy has in cold storage, by name.
///
/// # Errors
/// The statement's failure.
pub async fn totals(client: &Client) -> Result<BTreeMap<String, Totals>, Error> {
    let rows = TOTALS.run(client, &[]).await?;
    let read = |row: &Row| {
        let totals = Totals {
            batches: column(row, "batches")?,
            rows: column(row, "rows")?,
            bytes: column(row, "bytes")?,
            raw_bytes: column(row, "raw_bytes")?,
        };
        Ok((column(row, "policy")?, totals))
    };
    rows.iter().map(read).collect()
}
