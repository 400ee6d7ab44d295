//! A batch's object is read back, and its rows are deleted.

use std::time::Instant;

use serde::Deserialize;
use serde_json::json;
use store::archive::{self as record, Batch};

use super::{Moved, Trouble, Work, compare, manifest_key, won};
use crate::chunks::{Chunk, Collector};
use crate::cold;
use crate::seconds::Seconds;
use crate::source::{self, Doomed, MakeWay};

/// What is read of a manifest.
#[derive(Debug, Deserialize)]
struct Manifest {
    void: Vec<Vec<Option<String>>>,
}

impl Work<'_> {
    /// Reads the object back; answers the rows that it holds, by key.
    pub(super) async fn verify(&self, batch: &Batch, seconds: &mut Seconds) -> Result<Vec<Chunk>, Trouble> {
        let (deadline, began) = (self.run.deadline, Instant::now());
        let reading = self.run.app.cold.open(&batch.object_key, deadline).await?;
        let mut collector = Collector::new(reading.file.schema(), self.policy)?;
        let found = reading
            .all(deadline, |tuple| collector.push(tuple).map_err(|trouble| cold::Trouble::Damaged(trouble.to_string())))
            .await?;
        compare(batch, &found)?;
        seconds.verify += began.elapsed();
        Ok(collector.finish())
    }

    /// Deletes the rows, notes which stayed, and closes the batch.
    pub(super) async fn delete(
        &self,
        batch: &Batch,
        chunks: Vec<Chunk>,
        seconds: &mut Seconds,
    ) -> Result<Moved, Trouble> {
        let began = Instant::now();
        let mut kept: Vec<Vec<Option<String>>> = Vec::new();
        let cutoff = self.run.cutoff(self.policy).map_err(|fault| source::Trouble::Refused(fault.message))?;
        let what = Doomed { policy: self.policy, table: self.table, cutoff };
        let mut way = MakeWay::default();
        let changed = !self.same_columns(batch);
        let total = chunks.iter().map(Chunk::len).sum::<usize>();
        for chunk in &chunks {
            if changed {
                // The object has not the columns that its rows have now: those that are still there stay.
                let there = source::present(self.source, self.policy, self.table, chunk, self.run.deadline).await?;
                kept.extend(there);
                continue;
            }
            let gone = self.run.delete(&what, self.source, chunk, &mut way).await?;
            kept.extend(gone.kept);
        }
        seconds.delete += began.elapsed();
        // A run before has said what is void, and did not come to note it, or the record has forgotten it.
        for key in self.void_before(batch).await? {
            if !kept.contains(&key) {
                kept.push(key);
            }
        }
        self.manifest(batch, &kept).await?;
        won(record::deleted(&self.run.store.connection.client, batch, &kept, self.run.now).await?)?;
        Ok(Moved {
            rows: total.saturating_sub(kept.len()) as u64,
            bytes: u64::try_from(batch.bytes).unwrap_or_default(),
            kept: kept.len(),
        })
    }

    /// What a manifest that stands already says is void.
    async fn void_before(&self, batch: &Batch) -> Result<Vec<Vec<Option<String>>>, Trouble> {
        let key = manifest_key(&batch.object_key);
        let Some(text) = self.run.app.cold.small(&key, self.run.deadline).await? else { return Ok(Vec::new()) };
        let read = serde_json::from_slice::<Manifest>(&text);
        let manifest =
            read.map_err(|error| cold::Trouble::Damaged(format!("{key} is no manifest of ours: {error}")))?;
        Ok(manifest.void)
    }

    /// Writes beside the object what the record knows of it: the archive can be read without the record.
    async fn manifest(&self, batch: &Batch, kept: &[Vec<Option<String>>]) -> Result<(), Trouble> {
        let manifest = json!({
            "batch_id": batch.batch_id,
            "policy": batch.policy,
            "database": batch.database,
            "table": batch.table,
            "object": self.run.app.cold.address(&batch.object_key),
            "key": self.policy.key,
            "time": self.policy.time,
            "key_from": batch.key_from,
            "key_to": batch.key_to,
            "rows": batch.rows,
            "bytes": batch.bytes,
            "sha256": batch.checksum,
            "content_sha256": batch.content,
            "columns": batch.columns,
            // Rows whose copies are void: they changed before they could be deleted, and are in the table or in a later batch.
            "void": kept,
        });
        let body = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
        Ok(self.run.app.cold.describe(&manifest_key(&batch.object_key), body).await?)
    }
}
