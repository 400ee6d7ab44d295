//! A batch, from planned to deleted. Each step is written down before the next begins, and any may be begun again.

use columnar::Column;
use domain::Timestamp;
use domain::retention::{BatchStatus, KeyRange, Policy, object_key};
use runtime::{Fault, Kind};
use serde_json::{Value, json};
use store::Connection;
use store::archive::{self as record, Batch, NewBatch, Won};
use uuid::Uuid;

use crate::cold;
use crate::handler::Run;
use crate::seconds::Seconds;
use crate::source::{self, Described, Span};

mod closing;
mod press;
mod uploading;

/// So many objects of one batch are given up before somebody has to look: each holds what changed while it was written.
const MOST_GENERATIONS: i32 = 20;

/// What a policy's rows are moved with.
pub(crate) struct Work<'a> {
    pub(crate) run: &'a Run<'a>,
    pub(crate) policy: &'a Policy,
    pub(crate) table: &'a Described,
    pub(crate) source: &'a Connection,
}

/// Why a batch does not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The database that holds the rows.
    #[error(transparent)]
    Source(#[from] source::Trouble),
    /// Cold storage.
    #[error(transparent)]
    Cold(#[from] cold::Trouble),
    /// The record.
    #[error("{:#}", anyhow::anyhow!("{}", .0))]
    Record(#[from] store::Error),
    /// Another archiver works on it.
    #[error("another archiver works on it")]
    Taken,
    /// Its object holds rows that have changed since; another is begun.
    #[error("its object held rows that have changed since")]
    Superseded,
}

impl Trouble {
    /// Whether the rest is merely left to a later run.
    pub(crate) fn is_later(&self) -> bool {
        matches!(
            self,
            Self::Taken
                | Self::Source(
                    source::Trouble::OutOfTime | source::Trouble::Locked { .. } | source::Trouble::MakesWay { .. }
                )
                | Self::Cold(cold::Trouble::OutOfTime | cold::Trouble::Thawing(_))
        )
    }
}

impl From<Trouble> for Fault {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Source(trouble) => trouble.into(),
            Trouble::Record(error) => error.into(),
            other => Self::new(Kind::Unavailable, other.to_string()),
        }
    }
}

/// What a finished batch came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Rows that changed between export and delete.
    pub(crate) kept: usize,
}

impl Work<'_> {
    fn key(&self, span: &Span, generation: i32) -> Result<String, Trouble> {
        let (from, to) = (json!(span.from).to_string(), json!(span.to).to_string());
        let range = KeyRange { first: span.first_at, last: span.last_at, key_from: &from, key_to: &to };
        let generation = u32::try_from(generation).unwrap_or(1);
        object_key(self.policy, &range, generation)
            .ok_or_else(|| source::Trouble::Refused("the policy has no `archive`".to_owned()).into())
    }

    /// Writes down that these rows are a batch.
    pub(crate) async fn plan(&self, span: &Span) -> Result<Batch, Trouble> {
        let (from, to) = (json!(span.from).to_string(), json!(span.to).to_string());
        let (client, batch_id) = (&self.run.store.connection.client, Uuid::now_v7());
        // Where all rows of a batch changed before they could be deleted, the next has the same first and last row.
        let before = record::last_generation(client, &self.policy.name, span.first_at, (&from, &to), batch_id).await?;
        let generation = before.saturating_add(1);
        let key = self.key(span, generation)?;
        let new = NewBatch {
            batch_id,
            policy: &self.policy.name,
            database: &self.policy.database,
            table: &self.table.name,
            key_from: &from,
            key_to: &to,
            first_at: span.first_at,
            last_at: span.last_at,
            object_key: &key,
            generation,
        };
        if record::insert(client, &new, self.run.now).await? == Won::No {
            return Err(Trouble::Taken);
        }
        record::open(client, &self.policy.name).await?.ok_or(Trouble::Taken)
    }

    /// Takes a batch as far as it can be taken, and adds what that takes to `seconds`.
    ///
    /// # Errors
    /// Why it goes no further now; it is on record how far it came.
    pub(crate) async fn finish(&self, mut batch: Batch, seconds: &mut Seconds) -> Result<Moved, Trouble> {
        let client = &self.run.store.connection.client;
        if batch.database != self.policy.database || batch.table != self.table.name {
            let text = format!(
                "batch {} was begun for {} in the database {}, and its rows are not all archived and deleted yet: let a run with \
                 that `table` and `database` finish it, then change the policy (or give the new one another name)",
                batch.batch_id, batch.table, batch.database
            );
            return Err(source::Trouble::Refused(text).into());
        }
        let cutoff = self.run.cutoff(self.policy).map_err(|fault| source::Trouble::Refused(fault.message))?;
        loop {
            match batch.status {
                // Rows are kept for longer than when it was planned: what may still leave is planned anew.
                BatchStatus::Planned if batch.last_at >= cutoff => {
                    won(record::discard(client, &batch).await?)?;
                    return Ok(Moved::default());
                }
                BatchStatus::Planned => {
                    let done = match self.upload(&batch, seconds).await {
                        Err(Trouble::Superseded) => {
                            batch = self.again(&batch, &Trouble::Superseded.to_string()).await?;
                            continue;
                        }
                        done => done?,
                    };
                    won(record::uploaded(client, &batch, &done, self.run.now).await?)?;
                    batch = self.reread(&batch).await?;
                }
                BatchStatus::Uploaded => {
                    if !self.same_columns(&batch) {
                        let why = format!("the columns of {} changed before its rows were verified", self.table.name);
                        batch = self.again(&batch, &why).await?;
                        continue;
                    }
                    let chunks = match self.verify(&batch, seconds).await {
                        Err(Trouble::Cold(cold::Trouble::Damaged(why))) => {
                            // The rows are all there still: a later run puts them into another object.
                            self.again(&batch, &why).await?;
                            let named = format!(
                                "batch {} is damaged in cold storage, and no row of it was deleted: {why}",
                                batch.batch_id
                            );
                            return Err(cold::Trouble::Damaged(named).into());
                        }
                        other => other?,
                    };
                    won(record::verified(client, &batch, self.run.now).await?)?;
                    let verified = self.reread(&batch).await?;
                    return self.delete(&verified, chunks, seconds).await;
                }
                BatchStatus::Verified => {
                    let chunks = self.verify(&batch, seconds).await.map_err(|trouble| self.named(&batch, trouble))?;
                    return self.delete(&batch, chunks, seconds).await;
                }
                BatchStatus::Deleted => return Ok(Moved::default()),
            }
        }
    }

    fn named(&self, batch: &Batch, trouble: Trouble) -> Trouble {
        match trouble {
            Trouble::Cold(cold::Trouble::Damaged(why)) => cold::Trouble::Damaged(format!(
                "batch {} is damaged in cold storage after it was verified, and no further row of it is deleted: {why}; an \
                 earlier version of the object may be whole",
                batch.batch_id
            ))
            .into(),
            other => other,
        }
    }

    async fn reread(&self, batch: &Batch) -> Result<Batch, Trouble> {
        let found = record::open(&self.run.store.connection.client, &self.policy.name).await?;
        found.filter(|found| found.batch_id == batch.batch_id).ok_or(Trouble::Taken)
    }

    /// Begins the batch anew, with an object of another key.
    async fn again(&self, batch: &Batch, why: &str) -> Result<Batch, Trouble> {
        let client = &self.run.store.connection.client;
        let range = (batch.key_from.as_str(), batch.key_to.as_str());
        let before = record::last_generation(client, &batch.policy, batch.first_at, range, batch.batch_id).await?;
        if batch.generation.saturating_sub(before) >= MOST_GENERATIONS {
            let text = format!(
                "batch {}: {MOST_GENERATIONS} objects were written in vain, the last because {why}",
                batch.batch_id
            );
            return Err(source::Trouble::Refused(text).into());
        }
        let key = self.key(&span(batch)?, batch.generation.saturating_add(1))?;
        won(record::plan_again(client, batch, &key, why).await?)?;
        self.reread(batch).await
    }

    /// Whether the table still has the columns that the batch's object has.
    fn same_columns(&self, batch: &Batch) -> bool {
        let now = json!(described(&self.table.columns));
        batch.columns.as_ref() == Some(&now)
    }
}

/// Where an object's manifest is: beside it. Athena passes over what begins with `_`.
pub(crate) fn manifest_key(object_key: &str) -> String {
    match object_key.rsplit_once('/') {
        Some((folder, name)) => format!("{folder}/_{name}.json"),
        None => format!("_{object_key}.json"),
    }
}

/// Whether an object is what the record says of it.
pub(crate) fn compare(batch: &Batch, found: &cold::Found) -> Result<(), cold::Trouble> {
    let number = |value: i64| u64::try_from(value).unwrap_or_default();
    let checks = [
        ("bytes", number(batch.bytes).to_string(), found.bytes.to_string()),
        ("checksum", batch.checksum.clone().unwrap_or_default(), found.checksum.clone()),
        ("rows", number(batch.rows).to_string(), found.rows.to_string()),
        ("content", batch.content.clone().unwrap_or_default(), found.content.clone()),
    ];
    match checks.iter().find(|(_, expected, is)| expected != is) {
        None => Ok(()),
        Some((what, expected, is)) => {
            Err(cold::Trouble::Damaged(format!("{} has {what} {is}, and the record says {expected}", batch.object_key)))
        }
    }
}

/// Columns as they are compared and restored: by name and by what Postgres calls their type.
fn described(columns: &[Column]) -> Vec<Value> {
    columns.iter().map(|column| json!({"name": column.name, "type": column.sql_type})).collect()
}

fn won(won: Won) -> Result<(), Trouble> {
    if won == Won::Yes { Ok(()) } else { Err(Trouble::Taken) }
}

/// The range that a batch has on record.
fn span(batch: &Batch) -> Result<Span, Trouble> {
    let read = |text: &str| -> Result<Vec<String>, Trouble> {
        serde_json::from_str(text)
            .map_err(|error| source::Trouble::Refused(format!("batch {}: {error}", batch.batch_id)).into())
    };
    let (first_at, last_at): (Timestamp, Timestamp) = (batch.first_at, batch.last_at);
    Ok(Span { from: read(&batch.key_from)?, to: read(&batch.key_to)?, first_at, last_at })
}
