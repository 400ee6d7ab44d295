//! Reads an object back, once from end to end: its size, its checksum, its rows and their hash, in the memory of one group.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{GlacierJobParameters, RestoreRequest, Tier};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use bytes::BytesMut;
use columnar::{Content, File, Parsed};
use runtime::Deadline;
use sha2::{Digest, Sha256};

use super::{Cold, Trouble, said};

/// Enough of an object's end for most footers.
const TAIL: u64 = 64 << 10;
/// For how many days a thawed copy stays readable: until the week after, when `verify` comes back for it.
const THAWED_DAYS: i32 = 8;

/// What an object holds, proven by reading all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its size.
    pub(crate) bytes: u64,
    /// SHA-256 of its bytes.
    pub(crate) checksum: String,
    /// How many rows were decoded.
    pub(crate) rows: u64,
    /// SHA-256 of the rows, decoded.
    pub(crate) content: String,
}

/// An object whose footer was read.
pub(crate) struct Reading<'a> {
    cold: &'a Cold,
    key: String,
    size: u64,
    pub(crate) file: File,
}

impl Cold {
    /// Opens an object: reads its footer.
    ///
    /// # Errors
    /// [`Trouble::Damaged`] where it is none of ours, or gone; [`Trouble::Thawing`] where it is in the glacier, from where
    /// it is then asked back.
    pub(crate) async fn open(&self, key: &str, deadline: &Deadline) -> Result<Reading<'_>, Trouble> {
        let mut wanted = TAIL;
        loop {
            let answer = self.get(key, format!("bytes=-{wanted}"), deadline).await?;
            let size = whole_size(&answer).ok_or_else(|| Trouble::Damaged(format!("{key} has no size")))?;
            let tail = collect(answer, deadline).await?;
            match File::parse(&tail, size).map_err(|error| damaged(key, error))? {
                Parsed::File(file) => return Ok(Reading { cold: self, key: key.to_owned(), size, file: *file }),
                Parsed::NeedMore(more) if more > wanted && more <= size => wanted = more,
                Parsed::NeedMore(more) => {
                    return Err(Trouble::Damaged(format!("{key} has {size} bytes and wants {more} for its end")));
                }
            }
        }
    }

    /// A small object, whole; `None` where there is none.
    ///
    /// # Errors
    /// S3's, or that it is in the glacier.
    pub(crate) async fn small(&self, key: &str, deadline: &Deadline) -> Result<Option<bytes::Bytes>, Trouble> {
        match self.get(key, "bytes=0-".to_owned(), deadline).await {
            Ok(answer) => collect(answer, deadline).await.map(Some),
            Err(Trouble::Damaged(_)) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    async fn get(&self, key: &str, range: String, deadline: &Deadline) -> Result<GetObjectOutput, Trouble> {
        let getting = self.client.get_object().bucket(&self.bucket).key(key).range(range).send();
        let answer = tokio::time::timeout(deadline.for_work(), getting).await.map_err(|_| Trouble::OutOfTime)?;
        failpoint::pass("reading an object");
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.refused(key, &error).await),
        }
    }

    async fn refused(&self, key: &str, error: &SdkError<GetObjectError, HttpResponse>) -> Trouble {
        match error.code() {
            Some("NoSuchKey") => Trouble::Damaged(format!("{key} is gone from the bucket")),
            Some("InvalidObjectState") => self.thaw(key).await,
            Some("InvalidRange") => Trouble::Damaged(format!("{key} is empty")),
            _ => Trouble::Unavailable(said("GetObject", error)),
        }
    }

    /// Asks the glacier for a copy; asked twice, it says that it is on its way.
    async fn thaw(&self, key: &str) -> Trouble {
        let how = RestoreRequest::builder()
            .days(THAWED_DAYS)
            .glacier_job_parameters(match GlacierJobParameters::builder().tier(Tier::Standard).build() {
                Ok(parameters) => parameters,
                Err(error) => return Trouble::Unavailable(error.to_string()),
            })
            .build();
        let asked = self.client.restore_object().bucket(&self.bucket).key(key).restore_request(how).send().await;
        failpoint::pass("asking the glacier");
        match asked {
            Ok(_) => Trouble::Thawing(key.to_owned()),
            Err(error) if error.code() == Some("RestoreAlreadyInProgress") => Trouble::Thawing(key.to_owned()),
            Err(error) => Trouble::Unavailable(said("RestoreObject", &error)),
        }
    }
}

impl Reading<'_> {
    /// Reads everything and gives each row to `each`.
    ///
    /// # Errors
    /// [`Trouble::Damaged`] where the object is not what its footer says; or `each`'s.
    pub(crate) async fn all(
        &self,
        deadline: &Deadline,
        mut each: impl FnMut(&[u8]) -> Result<(), Trouble>,
    ) -> Result<Found, Trouble> {
        let mut groups = self.groups(deadline).await?;
        while groups.next(deadline, &mut each).await? {}
        Ok(groups.found())
    }

    /// Begins to read everything, group by group.
    ///
    /// # Errors
    /// S3's.
    pub(crate) async fn groups(&self, deadline: &Deadline) -> Result<Groups<'_>, Trouble> {
        let answer = self.cold.get(&self.key, "bytes=0-".to_owned(), deadline).await?;
        Ok(Groups {
            reading: self,
            body: answer.body,
            next: 0,
            skip: self.file.groups().first().map_or(0, |group| group.range.start),
            waiting: BytesMut::new(),
            hash: Sha256::new(),
            content: Content::new(),
            bytes: 0,
            rows: 0,
        })
    }
}

/// An object that is read from its beginning to its end.
pub(crate) struct Groups<'a> {
    reading: &'a Reading<'a>,
    body: ByteStream,
    next: usize,
    /// What lies between here and the first group.
    skip: u64,
    waiting: BytesMut,
    hash: Sha256,
    content: Content,
    bytes: u64,
    rows: u64,
}

impl Groups<'_> {
    /// Gives the rows of the next group to `each`; false where there is none, and everything was read.
    ///
    /// # Errors
    /// [`Trouble::Damaged`], that it broke off, or `each`'s.
    pub(crate) async fn next(
        &mut self,
        deadline: &Deadline,
        mut each: impl FnMut(&[u8]) -> Result<(), Trouble>,
    ) -> Result<bool, Trouble> {
        let Reading { key, file, size, .. } = self.reading;
        loop {
            if let Some(group) = file.groups().get(self.next) {
                let length = usize::try_from(group.range.end - group.range.start).unwrap_or(usize::MAX);
                if self.waiting.len() >= length {
                    let bytes = self.waiting.split_to(length).freeze();
                    let (content, rows) = (&mut self.content, &mut self.rows);
                    let decoded = file.decode(self.next, bytes, |tuple| {
                        content.update(tuple);
                        *rows += 1;
                        each(tuple).map_err(Decoding::Each)
                    });
                    decoded.map_err(|error| error.trouble(key))?;
                    self.next += 1;
                    return Ok(true);
                }
            }
            let piece = tokio::time::timeout(deadline.for_work(), self.body.next()).await;
            let Some(piece) = piece.map_err(|_| Trouble::OutOfTime)? else { break };
            let piece = piece.map_err(|error| Trouble::Unavailable(format!("{key} broke off: {error}")))?;
            self.hash.update(&piece);
            self.bytes += piece.len() as u64;
            let left_out = usize::try_from(self.skip.min(piece.len() as u64)).unwrap_or_default();
            self.skip -= left_out as u64;
            if self.next < file.groups().len() {
                self.waiting.extend_from_slice(piece.get(left_out..).unwrap_or_default());
            }
        }
        if self.bytes == *size && self.next == file.groups().len() {
            return Ok(false);
        }
        Err(Trouble::Unavailable(format!("{key} broke off after {} of {size} bytes", self.bytes)))
    }

    /// What was found, once everything is read.
    pub(crate) fn found(self) -> Found {
        let Self { hash, content, bytes, rows, .. } = self;
        Found { bytes, checksum: domain::fingerprint::hex(&hash.finalize()), rows, content: content.finish() }
    }
}

/// What goes wrong while rows are decoded.
enum Decoding {
    File(columnar::Error),
    Each(Trouble),
}

impl From<columnar::Error> for Decoding {
    fn from(error: columnar::Error) -> Self {
        Self::File(error)
    }
}

impl Decoding {
    fn trouble(self, key: &str) -> Trouble {
        match self {
            Self::File(error) => damaged(key, error),
            Self::Each(trouble) => trouble,
        }
    }
}

fn damaged(key: &str, error: columnar::Error) -> Trouble {
    Trouble::Damaged(format!("{key}: {:#}", anyhow::Error::new(error)))
}

/// The size of the whole object, of which the answer may be a part.
fn whole_size(answer: &GetObjectOutput) -> Option<u64> {
    match answer.content_range().and_then(|range| range.rsplit_once('/')) {
        Some((_, size)) => size.parse().ok(),
        None => answer.content_length().and_then(|size| u64::try_from(size).ok()),
    }
}

async fn collect(answer: GetObjectOutput, deadline: &Deadline) -> Result<bytes::Bytes, Trouble> {
    let collected = tokio::time::timeout(deadline.for_work(), answer.body.collect()).await;
    let collected = collected.map_err(|_| Trouble::OutOfTime)?;
    Ok(collected.map_err(|error| Trouble::Unavailable(format!("GetObject broke off: {error}")))?.into_bytes())
}
