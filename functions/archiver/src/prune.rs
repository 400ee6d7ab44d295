//! Deletes old rows for good, and what is stored for them.

use std::time::Instant;

use domain::retention::Objects;
use store::Connection;

use crate::archive::Progress;
use crate::batch::{Trouble, Work};
use crate::chunks::Chunk;
use crate::cold;
use crate::handler::Run;
use crate::source::{self, Doomed, Gone, MakeWay};

mod objects;

/// Deletes what is old, chunk by chunk.
///
/// # Errors
/// Why it goes no further now.
pub(crate) async fn run(work: &Work<'_>, progress: &mut Progress) -> Result<(), Trouble> {
    let Work { run, policy, table, source } = work;
    let mut way = MakeWay::default();
    let cutoff = run.cutoff(policy).map_err(|fault| source::Trouble::Refused(fault.message))?;
    loop {
        let began = Instant::now();
        let chunks = source::list(source, policy, table, cutoff, run.deadline).await?;
        progress.seconds.plan += began.elapsed();
        if chunks.is_empty() {
            return Ok(());
        }
        let mut deleted = 0;
        for chunk in &chunks {
            if run.is_out_of_time() {
                return Err(source::Trouble::OutOfTime.into());
            }
            let began = Instant::now();
            let gone = run.delete(&Doomed { policy, table, cutoff }, source, chunk, &mut way).await?;
            progress.seconds.delete += began.elapsed();
            deleted += gone.deleted;
            progress.rows += gone.deleted;
            progress.batches += 1;
        }
        // All of them changed or went meanwhile: what is left is for a later run.
        if deleted == 0 {
            return Ok(());
        }
    }
}

impl Run<'_> {
    /// Deletes a chunk, and what is stored for its rows.
    ///
    /// # Errors
    /// The database's, or S3's: then the rows stay.
    pub(crate) async fn delete(
        &self,
        what: &Doomed<'_>,
        source: &Connection,
        chunk: &Chunk,
        way: &mut MakeWay,
    ) -> Result<Gone, source::Trouble> {
        let first = async |named: &[String]| self.remove_objects(what, source, chunk, named).await;
        source::delete(source, what, chunk, way, self.deadline, first).await
    }

    /// Deletes what is stored for rows that are locked, but for what another row names, too. It comes before the rows: a row
    /// without its objects is found again, objects without a row are not.
    async fn remove_objects(
        &self,
        what: &Doomed<'_>,
        source: &Connection,
        chunk: &Chunk,
        named: &[String],
    ) -> Result<(), source::Trouble> {
        let Some(stored) = &what.policy.objects else { return Ok(()) };
        let mut keys = Vec::new();
        for text in named.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
            keys.push(key_of(stored, text).map_err(|why| {
                source::Trouble::Refused(format!("{}.{} holds `{text}`: {why}", what.table.name, stored.column))
            })?);
        }
        if keys.is_empty() {
            return Ok(());
        }
        let shared = source::named_elsewhere(source, what, stored, chunk, &keys).await?;
        let client = self.app.s3_in(stored.region.as_deref());
        for key in keys.iter().filter(|key| !shared.contains(*key)) {
            let removed = objects::remove(&client, &stored.bucket, key, self.deadline).await;
            removed.map_err(|trouble| match trouble {
                cold::Trouble::OutOfTime => source::Trouble::OutOfTime,
                other => source::Trouble::Stored(other.to_string()),
            })?;
        }
        Ok(())
    }
}

/// The key that a row names, if it is one below the policy's prefix.
fn key_of(stored: &Objects, text: &str) -> Result<String, String> {
    let key = match text.strip_prefix("s3://") {
        Some(address) => match address.split_once('/') {
            Some((bucket, key)) if bucket == stored.bucket => key,
            _ => return Err(format!("expected an object of the bucket {}", stored.bucket)),
        },
        None => text.trim_start_matches('/'),
    };
    let key = key.trim_end_matches('/');
    let below = key.strip_prefix(&stored.prefix).is_some_and(|rest| !rest.is_empty());
    if !below || key.split('/').any(|folder| matches!(folder, "" | "." | "..")) {
        return Err(format!("expected something below {}", stored.prefix));
    }
    Ok(key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_below_the_prefix_is_ever_deleted() {
        let stored = Objects {
            bucket: "forecasts".to_owned(),
            prefix: "medium/".to_owned(),
            column: "storage_path".to_owned(),
            region: None,
        };
        for (text, key) in [
            ("s3://forecasts/medium/2026/run.zarr/", "medium/2026/run.zarr"),
            ("medium/2026/run.zarr", "medium/2026/run.zarr"),
            ("/medium/x", "medium/x"),
        ] {
            assert_eq!(key_of(&stored, text), Ok(key.to_owned()), "{text}");
        }
        for text in [
            "s3://other/medium/x",
            "medium/",
            "medium",
            "nowcast/x",
            "medium/../nowcast/x",
            "s3://forecasts",
            "medium//x",
        ] {
            assert!(key_of(&stored, text).is_err(), "{text}");
        }
    }
}
