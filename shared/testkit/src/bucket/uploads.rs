//! Multipart uploads of the fake S3: nothing of one is visible before it is complete.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>

use std::collections::BTreeMap;

use aws_smithy_checksums::ChecksumAlgorithm;
use axum::body::Bytes;
use jiff::Timestamp;

use super::body::Sent;
use super::objects::Object;
use super::refusal::Refusal;
use super::sums::{self, Kind, Sum};
use super::xml::Fields;

/// An upload that was neither completed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Where it goes.
    pub bucket: String,
    /// Under which key.
    pub key: String,
    /// How many parts it has.
    pub parts: usize,
}

/// Every upload under way, by its id.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    last: u64,
    open: BTreeMap<String, Upload>,
}

/// An upload under way.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    bucket: String,
    key: String,
    /// What its beginning said about the object.
    pub(super) headers: BTreeMap<String, String>,
    /// The sums that every part must bring.
    algorithm: Option<ChecksumAlgorithm>,
    kind: Kind,
    parts: BTreeMap<u16, Part>,
}

#[derive(Debug, Clone)]
struct Part {
    /// What came.
    sent: Bytes,
    /// What the disk made of it.
    kept: Bytes,
    etag: String,
    sum: Option<Sum>,
}

impl Uploads {
    pub(super) fn unfinished(&self) -> Vec<Unfinished> {
        let one = |upload: &Upload| Unfinished {
            bucket: upload.bucket.clone(),
            key: upload.key.clone(),
            parts: upload.parts.len(),
        };
        self.open.values().map(one).collect()
    }

    /// Begins one. Its id.
    pub(super) fn begin(
        &mut self,
        bucket: &str,
        key: &str,
        headers: BTreeMap<String, String>,
    ) -> Result<String, Refusal> {
        let algorithm = headers.get("x-amz-checksum-algorithm").map(|name| sums::algorithm(name)).transpose()?;
        let whole_only = matches!(algorithm, None | Some(ChecksumAlgorithm::Crc64Nvme));
        let parts_only = matches!(algorithm, Some(ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256));
        let kind = match headers.get("x-amz-checksum-type").map(String::as_str) {
            Some("COMPOSITE") if !whole_only => Kind::Composite,
            Some("FULL_OBJECT") if !parts_only => Kind::FullObject,
            None if whole_only => Kind::FullObject,
            None => Kind::Composite,
            Some(kind) => {
                return Err(Refusal::invalid(format!("The {kind} checksum type cannot be used with {algorithm:?}.")));
            }
        };
        self.last += 1;
        let id = format!("upload-{:06}", self.last);
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let upload = Upload { bucket, key, headers, algorithm, kind, parts: BTreeMap::new() };
        self.open.insert(id.clone(), upload);
        Ok(id)
    }

    /// An upload of this object.
    pub(super) fn find(&mut self, id: &str, bucket: &str, key: &str) -> Result<&mut Upload, Refusal> {
        let gone = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted \
                    or completed.";
        let open = self.open.get_mut(id).filter(|upload| upload.bucket == bucket && upload.key == key);
        open.ok_or_else(|| Refusal::new(404, "NoSuchUpload", gone))
    }

    pub(super) fn end(&mut self, id: &str) {
        self.open.remove(id);
    }
}

impl Upload {
    /// Takes a part, or takes it anew; `kept` is what the disk keeps of it. Its tag.
    pub(super) fn add(&mut self, number: u16, sent: &Sent, kept: Bytes) -> Result<String, Refusal> {
        if !(1..=10_000).contains(&number) {
            let message = "Part number must be an integer between 1 and 10000, inclusive";
            return Err(Refusal::new(400, "InvalidArgument", message));
        }
        if let Some(algorithm) = self.algorithm
            && sent.sum.as_ref().map(|sum| sum.algorithm) != Some(algorithm)
        {
            let came = sent.sum.as_ref().map_or("null", |sum| sum.algorithm.as_str());
            let expected = algorithm.as_str();
            let message =
                format!("Checksum Type mismatch occurred, expected checksum Type: {expected}, actual: {came}");
            return Err(Refusal::invalid(message));
        }
        let etag = format!("\"{}\"", &sums::sha256(&sent.bytes)[..32]);
        self.parts.insert(number, Part { sent: sent.bytes.clone(), kept, etag: etag.clone(), sum: sent.sum.clone() });
        Ok(etag)
    }

    /// What these parts make, and the sum that it has to have where one was sent.
    pub(super) fn complete(
        &self,
        listed: &[Fields],
        headers: &BTreeMap<String, String>,
        smallest_part: usize,
        now: Timestamp,
    ) -> Result<Object, Refusal> {
        let parts = self.choose(listed)?;
        if parts.iter().rev().skip(1).any(|part| part.sent.len() < smallest_part) {
            let message = "Your proposed upload is smaller than the minimum allowed size";
            return Err(Refusal::new(400, "EntityTooSmall", message));
        }
        let bytes = join(parts.iter().map(|part| &part.sent));
        if let Some(size) = headers.get("x-amz-mp-object-size")
            && *size != bytes.len().to_string()
        {
            return Err(Refusal::invalid(format!(
                "The parts are {} bytes, x-amz-mp-object-size says {size}",
                bytes.len()
            )));
        }
        let mut object = Object::new(bytes, self.headers.clone(), now);
        object.etag = format!("{}-{}\"", object.etag.trim_end_matches('"'), parts.len());
        if let Some(algorithm) = self.algorithm {
            object.sum = match self.kind {
                Kind::FullObject => Sum::of(algorithm, &object.bytes),
                Kind::Composite => {
                    let sums: Vec<Sum> = parts.iter().filter_map(|part| part.sum.clone()).collect();
                    Sum::of_sums(algorithm, &sums)
                }
            };
        }
        if let Some(claimed) = sums::named(headers)?
            && (claimed.algorithm, &claimed.value) != (object.sum.algorithm, &object.sum.value)
        {
            let message = format!("The {} you specified did not match what we received.", sums::tag(claimed.algorithm));
            return Err(Refusal::new(400, "BadDigest", message));
        }
        object.bytes = join(parts.iter().map(|part| &part.kept));
        Ok(object)
    }

    /// The parts that a completion lists, if they are those that came.
    fn choose(&self, listed: &[Fields]) -> Result<Vec<&Part>, Refusal> {
        if listed.is_empty() {
            return Err(Refusal::new(400, "MalformedXML", "You must specify at least one part"));
        }
        let (mut chosen, mut last) = (Vec::with_capacity(listed.len()), 0);
        for one in listed {
            let number: u16 = one.get("PartNumber").and_then(|number| number.parse().ok()).unwrap_or_default();
            if number <= last {
                let message = "The list of parts was not in ascending order.";
                return Err(Refusal::new(400, "InvalidPartOrder", message));
            }
            last = number;
            let etag = one.get("ETag").map(|etag| etag.trim_matches('"')).unwrap_or_default();
            let part = self.parts.get(&number).filter(|part| part.etag.trim_matches('"') == etag);
            let part = part.ok_or_else(|| invalid_part(number))?;
            self.check_sum(number, part, one)?;
            chosen.push(part);
        }
        Ok(chosen)
    }

    /// Whether what a completion says of a part's sum is so; of sums over sums it has to say it.
    fn check_sum(&self, number: u16, part: &Part, listed: &Fields) -> Result<(), Refusal> {
        let Some(sum) = &part.sum else { return Ok(()) };
        match listed.get(&sums::tag(sum.algorithm)) {
            Some(claimed) if *claimed != sum.value => Err(invalid_part(number)),
            None if self.algorithm.is_some() && self.kind == Kind::Composite => {
                let name = sum.algorithm.as_str();
                Err(Refusal::invalid(format!(
                    "The upload was created using a {name} checksum. The complete request must include the checksum for \
                     each part. It was missing for part {number} in the request."
                )))
            }
            _ => Ok(()),
        }
    }
}

fn join<'a>(parts: impl Iterator<Item = &'a Bytes>) -> Bytes {
    let mut whole = Vec::new();
    parts.for_each(|part| whole.extend_from_slice(part));
    whole.into()
}

fn invalid_part(number: u16) -> Refusal {
    let message =
        format!("Part {number} could not be found. It may not have been uploaded, or its tag is another one.");
    Refusal::new(400, "InvalidPart", message)
}
