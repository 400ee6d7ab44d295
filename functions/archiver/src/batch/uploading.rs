//! The rows of a batch are exported, and put into an object.

use std::time::Instant;

use columnar::{Column, Limits, Schema, Writer, Written};
use futures::{StreamExt, join, pin_mut};
use serde_json::json;
use store::archive::{Batch, Uploaded};

use super::press::press;
use super::{Trouble, Work, described, manifest_key, span};
use crate::cold::{self, Put};
use crate::seconds::Seconds;
use crate::source::{self, Described};

impl Work<'_> {
    /// Exports the rows and puts them into an object.
    pub(super) async fn upload(&self, batch: &Batch, seconds: &mut Seconds) -> Result<Uploaded, Trouble> {
        let mut columns = self.table.columns.clone();
        loop {
            match self.try_upload(batch, &columns, seconds).await {
                Err(Trouble::Source(source::Trouble::Unrepresentable { column, .. })) => {
                    let Some(found) = columns.iter_mut().find(|other| other.name == column) else {
                        return Err(source::Trouble::Refused(format!("column {column} cannot be carried")).into());
                    };
                    *found = found.clone().as_text();
                }
                other => return other,
            }
        }
    }

    async fn try_upload(&self, batch: &Batch, columns: &[Column], seconds: &mut Seconds) -> Result<Uploaded, Trouble> {
        let deadline = self.run.deadline;
        let mut upload = self.run.app.cold.begin(&batch.object_key).await?;
        let began = Instant::now();
        let exported = self.export(batch, columns, &mut upload).await;
        seconds.export += began.elapsed();
        let (written, raw) = match exported {
            Ok(exported) => exported,
            Err(trouble) => {
                upload.abort().await;
                return Err(trouble);
            }
        };
        let began = Instant::now();
        let put = upload.finish(written.rest.clone(), deadline).await?;
        seconds.upload += began.elapsed();
        let (checksum, bytes) = match put {
            Put::Done { checksum, bytes } => (checksum, bytes),
            // A run before put it there. If it holds these very rows it is theirs; else they have changed since.
            Put::Exists => match self.adopt(batch, &written.content).await? {
                Some(found) if found.content == written.content => (found.checksum, found.bytes),
                // The batch was finished, and the record has forgotten it: it was restored from a backup.
                Some(found) => {
                    return Ok(Uploaded {
                        rows: i64::try_from(found.rows).unwrap_or(i64::MAX),
                        bytes: i64::try_from(found.bytes).unwrap_or(i64::MAX),
                        raw_bytes: i64::try_from(raw).unwrap_or(i64::MAX),
                        checksum: found.checksum,
                        content: found.content,
                        columns: json!(described(&self.table.columns)),
                    });
                }
                None => return Err(Trouble::Superseded),
            },
        };
        Ok(Uploaded {
            rows: i64::try_from(written.rows).unwrap_or(i64::MAX),
            bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
            raw_bytes: i64::try_from(raw).unwrap_or(i64::MAX),
            checksum,
            content: written.content,
            columns: json!(described(&self.table.columns)),
        })
    }

    /// Sends the rows as a file, but for its end; answers that, and how many bytes the server sent.
    async fn export(
        &self,
        batch: &Batch,
        columns: &[Column],
        upload: &mut cold::Upload<'_>,
    ) -> Result<(Written, u64), Trouble> {
        let deadline = self.run.deadline;
        let table = Described { columns: columns.to_vec(), ..self.table.clone() };
        let span = span(batch)?;
        let (mut feed, mut press) = press(writer(batch, columns)?);
        let receiving = source::transaction(self.source, deadline, async move || {
            let pieces = source::export(self.source, self.policy, &table, &span).await?;
            pin_mut!(pieces);
            let mut raw = 0;
            while let Some(piece) = pieces.next().await {
                let piece = piece?;
                raw += piece.len() as u64;
                if !feed.push(&piece).await {
                    return Ok(raw);
                }
            }
            feed.end().await;
            Ok(raw)
        });
        let sending = async {
            while let Some(part) = press.parts.recv().await {
                if let Err(trouble) = upload.push(part, deadline).await {
                    press.parts.close();
                    return Err(trouble);
                }
            }
            Ok(())
        };
        let (received, sent) = join!(receiving, sending);
        let raw = received?;
        sent?;
        Ok((press.written().await?, raw))
    }

    /// What an object holds that stands already, if it holds rows of this hash, or its manifest says that its rows were deleted.
    async fn adopt(&self, batch: &Batch, content: &str) -> Result<Option<cold::Found>, Trouble> {
        let read = async {
            let reading = self.run.app.cold.open(&batch.object_key, self.run.deadline).await?;
            reading.all(self.run.deadline, |_| Ok(())).await
        };
        match read.await {
            Ok(found) if found.content == content => Ok(Some(found)),
            Ok(found)
                if self.run.app.cold.small(&manifest_key(&batch.object_key), self.run.deadline).await?.is_some() =>
            {
                Ok(Some(found))
            }
            Ok(_) | Err(cold::Trouble::Damaged(_)) => Ok(None),
            Err(trouble) => Err(trouble.into()),
        }
    }
}

/// The file of a batch, which says whose rows it has.
fn writer(batch: &Batch, columns: &[Column]) -> Result<Writer, source::Trouble> {
    let mut all = columns.to_vec();
    all.push(source::written_by());
    let id = batch.batch_id.to_string();
    let metadata = [
        ("watchkeeper.batch", id.as_str()),
        ("watchkeeper.policy", &batch.policy),
        ("watchkeeper.table", &batch.table),
    ];
    Ok(Writer::new(Schema::new(all)?, &metadata, Limits::default())?)
}
