//! Where a batch's object is: a key that follows from the policy and the batch's range of rows alone.

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use sha2::{Digest, Sha256};

use super::policy::Policy;
use super::table::Table;
use crate::fingerprint::hex;

/// The rows of a batch: from the first to the last, both in it, in the order of their time and then of their key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange<'a> {
    /// The time of the first row.
    pub first: Timestamp,
    /// The time of the last row.
    pub last: Timestamp,
    /// The key of the first row, as `archive_batches.key_from` holds it.
    pub key_from: &'a str,
    /// The key of the last row, as `archive_batches.key_to` holds it.
    pub key_to: &'a str,
}

/// A calendar month in UTC. The rows of one object are of one month: `where year = 2024 and month = 3` misses none, and reads
/// no other month's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition {
    /// The year.
    pub year: i16,
    /// The month, from 1.
    pub month: i8,
}

impl Partition {
    /// The month of an instant.
    pub fn of(at: Timestamp) -> Self {
        let date = at.to_zoned(TimeZone::UTC).date();
        Self { year: date.year(), month: date.month() }
    }

    /// The first instant after it; `None` at the end of time.
    pub fn end(self) -> Option<Timestamp> {
        let (year, month) = if self.month < 12 { (self.year, self.month + 1) } else { (self.year.checked_add(1)?, 1) };
        let first = civil::Date::new(year, month, 1).ok()?;
        Some(first.to_zoned(TimeZone::UTC).ok()?.timestamp())
    }
}

/// How much of the hash tells ranges apart that begin and end at the same instants, in characters.
const HASH: usize = 8;

/// The key of a batch's object: `{archive}{table}/year=2024/month=03/{first}-{last}-{hash}-g{generation}.parquet`; `None`
/// where the policy archives nothing.
///
/// Athena finds the partitions by their names, and prunes by them. What comes after is in order of time within a folder, and
/// the hash is of everything that tells two batches apart: the policy, its table and the whole range. Two that agree in it
/// would not harm each other: an object is never written over.
pub fn object_key(policy: &Policy, range: &KeyRange<'_>, generation: u32) -> Option<String> {
    let archive = policy.archive.as_deref()?;
    let Partition { year, month } = Partition::of(range.first);
    let moment = |at: Timestamp| at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%S.%6fZ").to_string();
    let (first, last) = (moment(range.first), moment(range.last));
    let identity =
        [&policy.name, &policy.database, &policy.table.quoted(), &first, &last, range.key_from, range.key_to];
    let hash = short_hash(&identity);
    let folder = table_folder(&policy.table);
    Some(format!("{archive}{folder}/year={year:04}/month={month:02}/{first}-{last}-{hash}-g{generation}.parquet"))
}

/// The folder of a table's objects: its name where that is plain, else what of it is plain and a hash of the rest, so that
/// two tables never share one. Athena takes a folder for a partition's only in lower case, and none that begins with `_` or `.`.
pub fn table_folder(table: &Table) -> String {
    let name = table.to_string();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let folder: String = name.to_lowercase().chars().map(|c| if plain(c) { c } else { '-' }).collect();
    let folder = folder.trim_start_matches(['_', '.', '-']);
    if folder == name {
        name
    } else {
        format!("{}-{}", if folder.is_empty() { "table" } else { folder }, short_hash(&[&name]))
    }
}

/// The first characters of a hash of texts, each told from the next.
fn short_hash(parts: &[&str]) -> String {
    let mut identity = Vec::new();
    // Writing texts into memory cannot fail.
    let _ = serde_json::to_writer(&mut identity, parts);
    let mut hash = hex(&Sha256::digest(identity));
    hash.truncate(HASH);
    hash
}
