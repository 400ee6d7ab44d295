//! The objects of the fake S3: what they are, and what becomes of those that are archived.

use std::collections::BTreeMap;

use aws_smithy_checksums::ChecksumAlgorithm;
use axum::body::Bytes;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::behaviour::Queue;
use super::refusal::Refusal;
use super::sums::{self, Sum};
use super::uploads::Uploads;
use super::{Asked, Written};

const CLASS: &str = "x-amz-storage-class";
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html#AmazonS3-PutObject-request-header-StorageClass>
const CLASSES: [&str; 8] = [
    "DEEP_ARCHIVE",
    "GLACIER",
    "GLACIER_IR",
    "INTELLIGENT_TIERING",
    "ONEZONE_IA",
    "REDUCED_REDUNDANCY",
    "STANDARD",
    "STANDARD_IA",
];
/// Objects of these cannot be read until they are restored; GLACIER_IR can.
const FROZEN: [&str; 2] = ["DEEP_ARCHIVE", "GLACIER"];
/// "The minimum allowable part size" but for the last.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const SMALLEST_PART: usize = 5 << 20;

/// Everything the server remembers.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) now: Timestamp,
    pub(super) smallest_part: usize,
    pub(super) uploads: Uploads,
    pub(super) behaviours: Queue,
    pub(super) asked: Vec<Asked>,
    pub(super) written: Vec<Written>,
    buckets: BTreeMap<String, BTreeMap<String, Object>>,
}

/// An object that everybody sees.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) bytes: Bytes,
    /// With its quotation marks.
    pub(super) etag: String,
    /// What it was written with.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) modified: Timestamp,
    pub(super) sum: Sum,
    restore: Restore,
}

/// How far an archived object is on its way back.
#[derive(Debug, Clone, Copy)]
enum Restore {
    None,
    Thawing { days: i64 },
    Thawed { until: Timestamp },
}

/// What came of asking for a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Restored {
    /// It begins now: 202.
    Begun,
    /// It was thawed already and stays so for longer: 200.
    Prolonged,
}

impl Store {
    pub(super) fn new(names: &[&str], now: Timestamp) -> Self {
        Self {
            now,
            smallest_part: SMALLEST_PART,
            uploads: Uploads::default(),
            behaviours: Queue::default(),
            asked: Vec::new(),
            written: Vec::new(),
            buckets: names.iter().map(|name| ((*name).to_owned(), BTreeMap::new())).collect(),
        }
    }

    /// The objects of a bucket by their keys; none where there is no such bucket.
    pub(super) fn objects(&self, bucket: &str) -> Option<&BTreeMap<String, Object>> {
        self.buckets.get(bucket)
    }

    pub(super) fn object(&self, bucket: &str, key: &str) -> Option<&Object> {
        self.buckets.get(bucket)?.get(key)
    }

    pub(super) fn object_mut(&mut self, bucket: &str, key: &str) -> Option<&mut Object> {
        self.buckets.get_mut(bucket)?.get_mut(key)
    }

    /// An object that is asked for by its key.
    pub(super) fn find(&self, bucket: &str, key: &str) -> Result<&Object, Refusal> {
        let missing = || Refusal::new(404, "NoSuchKey", "The specified key does not exist.");
        self.object(bucket, key).ok_or_else(missing)
    }

    /// Makes an object visible; there is nothing to be done where there is no such bucket.
    pub(super) fn put(&mut self, bucket: &str, key: &str, object: Object) {
        if let Some(objects) = self.buckets.get_mut(bucket) {
            objects.insert(key.to_owned(), object);
        }
    }

    pub(super) fn remove(&mut self, bucket: &str, key: &str) -> bool {
        self.buckets.get_mut(bucket).is_some_and(|objects| objects.remove(key).is_some())
    }

    /// Whether the headers of a write allow it, given what stands under the key.
    pub(super) fn may_write(&self, bucket: &str, key: &str, headers: &BTreeMap<String, String>) -> Result<(), Refusal> {
        if headers.contains_key("if-match") {
            return Err(Refusal::not_implemented("writes with If-Match"));
        }
        match headers.get("if-none-match").map(String::as_str) {
            None => Ok(()),
            Some("*") if self.object(bucket, key).is_some() => Err(precondition_failed()),
            Some("*") => Ok(()),
            Some(_) => Err(Refusal::not_implemented("If-None-Match but of *")),
        }
    }
}

impl Object {
    /// Bytes that were written with these headers, and with no sum: S3 makes its own.
    pub(super) fn new(bytes: Bytes, headers: BTreeMap<String, String>, modified: Timestamp) -> Self {
        let sum = Sum::of(ChecksumAlgorithm::Crc64Nvme, &bytes);
        // S3's own tag is an MD5 of the bytes or, encrypted, of nothing in particular: nobody may look into it.
        let etag = format!("\"{}\"", &sums::sha256(&bytes)[..32]);
        Self { bytes, etag, headers, modified, sum, restore: Restore::None }
    }

    pub(super) fn storage_class(&self) -> &str {
        self.headers.get(CLASS).map_or("STANDARD", String::as_str)
    }

    /// Its headers but for everything that is not its class.
    pub(super) fn class_alone(&self) -> BTreeMap<String, String> {
        self.headers
            .iter()
            .filter(|(name, _)| *name == CLASS)
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    pub(super) fn transition(&mut self, class: &str) {
        self.headers.insert(CLASS.to_owned(), class.to_owned());
        self.restore = Restore::None;
    }

    /// Whether its bytes can be had.
    pub(super) fn readable(&self, now: Timestamp) -> Result<(), Refusal> {
        let thawed = matches!(self.restore, Restore::Thawed { until } if now < until);
        if thawed || !FROZEN.contains(&self.storage_class()) {
            return Ok(());
        }
        Err(invalid_state("The operation is not valid for the object's storage class"))
    }

    /// Begins a restore, or prolongs it.
    pub(super) fn restore(&mut self, days: i64, now: Timestamp) -> Result<Restored, Refusal> {
        if !FROZEN.contains(&self.storage_class()) {
            return Err(invalid_state("Restore is not allowed for the object's current storage class"));
        }
        match self.restore {
            Restore::Thawing { .. } => {
                Err(Refusal::new(409, "RestoreAlreadyInProgress", "Object restore is already in progress"))
            }
            Restore::Thawed { until } if now < until => {
                self.restore = Restore::Thawed { until: expiry(now, days) };
                Ok(Restored::Prolonged)
            }
            Restore::Thawed { .. } | Restore::None => {
                self.restore = Restore::Thawing { days };
                Ok(Restored::Begun)
            }
        }
    }

    /// Ends a restore that was asked for. Answers whether there was one.
    pub(super) fn thaw(&mut self, now: Timestamp) -> bool {
        let Restore::Thawing { days } = self.restore else { return false };
        self.restore = Restore::Thawed { until: expiry(now, days) };
        true
    }

    /// What `x-amz-restore` says.
    pub(super) fn restoring(&self, now: Timestamp) -> Option<String> {
        match self.restore {
            Restore::Thawing { .. } => Some("ongoing-request=\"true\"".to_owned()),
            Restore::Thawed { until } if now < until => {
                Some(format!("ongoing-request=\"false\", expiry-date=\"{}\"", http_date(until)))
            }
            Restore::Thawed { .. } | Restore::None => None,
        }
    }
}

/// What the condition of a request says when it does not hold.
pub(super) fn precondition_failed() -> Refusal {
    Refusal::new(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
}

/// Whether there is such a class.
pub(super) fn check_class(headers: &BTreeMap<String, String>) -> Result<(), Refusal> {
    match headers.get(CLASS) {
        Some(class) if !CLASSES.contains(&class.as_str()) => {
            Err(Refusal::new(400, "InvalidStorageClass", format!("The storage class {class} is not valid")))
        }
        _ => Ok(()),
    }
}

/// As `Last-Modified` says it.
pub(super) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// "Rounds the resulting time to the next day midnight UTC".
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects.html>
fn expiry(now: Timestamp, days: i64) -> Timestamp {
    let end = now.saturating_add(SignedDuration::from_hours(24 * (days + 1))).unwrap_or(Timestamp::MAX);
    end.to_zoned(TimeZone::UTC).start_of_day().map_or(end, |midnight| midnight.timestamp())
}

fn invalid_state(message: &str) -> Refusal {
    Refusal::new(403, "InvalidObjectState", message)
}
