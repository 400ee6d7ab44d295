//! Writes an object in parts, each with its checksum; nothing is visible before the last.

use std::time::Duration;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use runtime::Deadline;
use sha2::{Digest, Sha256};

use super::{Cold, Trouble, said};

/// How long one part is; S3 takes 5 MiB to 5 GiB, and less for the last.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const PART: usize = 8 << 20;
/// How long giving up an upload may take: the bucket's lifecycle does it, too.
const ABORTING: Duration = Duration::from_secs(2);

/// An upload under way.
pub(crate) struct Upload<'a> {
    cold: &'a Cold,
    key: String,
    id: String,
    waiting: BytesMut,
    parts: Vec<CompletedPart>,
    hash: Sha256,
    bytes: u64,
}

/// What became of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// The object stands.
    Done {
        /// SHA-256 of its bytes, in hexadecimal.
        checksum: String,
        /// Its size.
        bytes: u64,
    },
    /// There is an object of this key: a run before put it there and did not come to note it.
    Exists,
}

impl Cold {
    /// Begins an object.
    ///
    /// # Errors
    /// S3's.
    pub(crate) async fn begin(&self, key: &str) -> Result<Upload<'_>, Trouble> {
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .content_type("application/vnd.apache.parquet")
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .set_storage_class(self.class.clone())
            .send()
            .await
            .map_err(|error| Trouble::Unavailable(said("CreateMultipartUpload", &error)))?;
        failpoint::pass("beginning an upload");
        let id = begun.upload_id.ok_or_else(|| Trouble::Unavailable("S3 named no upload".to_owned()))?;
        Ok(Upload {
            cold: self,
            key: key.to_owned(),
            id,
            waiting: BytesMut::new(),
            parts: Vec::new(),
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    /// Writes a small object for people and programs that read the archive without the record.
    ///
    /// # Errors
    /// S3's.
    pub(crate) async fn describe(&self, key: &str, body: Vec<u8>) -> Result<(), Trouble> {
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type("application/json")
            .body(ByteStream::from(body))
            .send()
            .await
            .map_err(|error| Trouble::Unavailable(said("PutObject", &error)))?;
        failpoint::pass("writing a manifest");
        Ok(())
    }
}

impl Upload<'_> {
    /// Takes more bytes; full parts are sent.
    ///
    /// # Errors
    /// S3's.
    pub(crate) async fn push(&mut self, bytes: Bytes, deadline: &Deadline) -> Result<(), Trouble> {
        self.hash.update(&bytes);
        self.bytes += bytes.len() as u64;
        self.waiting.extend_from_slice(&bytes);
        while self.waiting.len() >= PART {
            let part = self.waiting.split_to(PART).freeze();
            self.send(part, deadline).await?;
        }
        Ok(())
    }

    async fn send(&mut self, part: Bytes, deadline: &Deadline) -> Result<(), Trouble> {
        let left = deadline.for_work();
        if left.is_zero() {
            return Err(Trouble::OutOfTime);
        }
        let number = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        let sending = self
            .cold
            .client
            .upload_part()
            .bucket(&self.cold.bucket)
            .key(&self.key)
            .upload_id(&self.id)
            .part_number(number)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .body(ByteStream::from(part))
            .send();
        let sent = tokio::time::timeout(left, sending).await.map_err(|_| Trouble::OutOfTime)?;
        let sent = sent.map_err(|error| Trouble::Unavailable(said("UploadPart", &error)))?;
        failpoint::pass("uploading a part");
        let part = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag)
            .set_checksum_crc32(sent.checksum_crc32)
            .build();
        self.parts.push(part);
        Ok(())
    }

    /// Sends what is left and makes the object visible, unless there is one of its key.
    ///
    /// # Errors
    /// S3's. Whether the object stands is then not known: the next run finds out.
    pub(crate) async fn finish(mut self, rest: Bytes, deadline: &Deadline) -> Result<Put, Trouble> {
        self.push(rest, deadline).await?;
        if !self.waiting.is_empty() {
            let last = std::mem::take(&mut self.waiting).freeze();
            self.send(last, deadline).await?;
        }
        let parts = CompletedMultipartUpload::builder().set_parts(Some(std::mem::take(&mut self.parts))).build();
        let completing = self
            .cold
            .client
            .complete_multipart_upload()
            .bucket(&self.cold.bucket)
            .key(&self.key)
            .upload_id(&self.id)
            .if_none_match("*")
            .multipart_upload(parts)
            .send();
        let left = deadline.for_work();
        let completed = tokio::time::timeout(left, completing).await.map_err(|_| Trouble::OutOfTime)?;
        failpoint::pass("completing an upload");
        match completed {
            Ok(_) => {
                let hash = std::mem::take(&mut self.hash).finalize();
                Ok(Put::Done { checksum: domain::fingerprint::hex(&hash), bytes: self.bytes })
            }
            // Conditional writes: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>. Our own
            // second try of a request whose answer was lost finds the upload gone.
            Err(error) if matches!(error.code(), Some("PreconditionFailed" | "NoSuchUpload")) => {
                self.abort().await;
                Ok(Put::Exists)
            }
            Err(error) => Err(Trouble::Unavailable(said("CompleteMultipartUpload", &error))),
        }
    }

    /// Gives up; parts that stay behind are removed by the bucket's lifecycle.
    pub(crate) async fn abort(self) {
        let aborting = self
            .cold
            .client
            .abort_multipart_upload()
            .bucket(&self.cold.bucket)
            .key(&self.key)
            .upload_id(&self.id)
            .send();
        if !matches!(tokio::time::timeout(ABORTING, aborting).await, Ok(Ok(_))) {
            tracing::warn!(key = self.key, "An upload that was given up is left to the bucket's lifecycle");
        }
    }
}
