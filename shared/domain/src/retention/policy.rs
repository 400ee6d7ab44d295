//! A retention policy: which rows leave a table, when, and where to.

use jiff::SignedDuration;

use super::keep::Keep;
use super::table::Table;

/// What becomes of the old rows of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// The database of the watch file, or `watchkeeper` for our own.
    pub database: String,
    /// The table.
    pub table: Table,
    /// The column that says when a row is from. A row where it is null, or infinite, stays.
    pub time: String,
    /// The columns that tell every row from every other, one to [`MOST_KEY_COLUMNS`].
    pub key: Vec<String>,
    /// How long rows stay.
    pub keep: Keep,
    /// The prefix in the archive bucket below which rows are put, ending in `/`; without one they are deleted for good.
    pub archive: Option<String>,
    /// A condition of SQL over the table's columns: rows of which it does not hold stay.
    pub only: Option<String>,
    /// Objects that rows stand for, deleted with them.
    pub objects: Option<Objects>,
    /// Most rows in a batch.
    pub batch_rows: u32,
    /// Most bytes of row data in a batch.
    pub batch_bytes: u64,
    /// A row of more bytes stays, and is told by its key.
    pub max_row_bytes: u64,
    /// How long after they were due rows may still be there before the policy counts as behind.
    pub behind_after: SignedDuration,
}

/// Where the objects are that a policy's rows stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objects {
    /// The bucket.
    pub bucket: String,
    /// Nothing outside this prefix is deleted; it ends in `/`.
    pub prefix: String,
    /// The column that holds an object's key, or an `s3://` address in this bucket.
    pub column: String,
    /// The bucket's region, if written; else the stack's.
    pub region: Option<String>,
}

impl Policy {
    /// Most rows in a batch where nothing is said.
    pub const BATCH_ROWS: u32 = 200_000;
    /// The most that may be said.
    pub const MOST_BATCH_ROWS: u32 = 1_000_000;
    /// Most bytes in a batch where nothing is said: one object, written in parts, and read back in as many.
    pub const BATCH_BYTES: u64 = 128 << 20;
    /// The least and the most that may be said: below, an object costs more than what it saves; above, one cannot be
    /// exported and verified within an invocation.
    pub const BATCH_BYTES_RANGE: (u64, u64) = (1 << 20, 1 << 30);
    /// A row of more bytes stays where nothing is said.
    pub const MAX_ROW_BYTES: u64 = 16 << 20;
    /// The least and the most that may be said; several rows are in memory at once.
    pub const MAX_ROW_BYTES_RANGE: (u64, u64) = (1 << 10, 32 << 20);
    /// How far a policy may lag where nothing is said: a weekend's failed runs, and one to catch up.
    pub const BEHIND_AFTER: SignedDuration = SignedDuration::from_hours(3 * 24);
    /// The most that may be said.
    pub const LONGEST_BEHIND_AFTER: SignedDuration = SignedDuration::from_hours(90 * 24);
}

/// Keys of more columns are not told apart by people.
pub const MOST_KEY_COLUMNS: usize = 4;

/// What is wrong with a prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPrefix {
    /// It is no folder.
    #[error("`{0}` is no folder: expected a prefix that ends in `/` and does not begin with one, as in `audit/`")]
    NoFolder(String),
    /// It leads elsewhere.
    #[error("`{0}` holds `{1}`: expected a prefix of plain folders, as in `audit/`")]
    Folder(String, String),
    /// Athena finds only lower-case folders, and S3 takes other characters only with care.
    #[error("`{0}` holds `{1}`: expected lower-case letters, digits and - _ . in folders, as in `audit/`")]
    Character(String, char),
    /// It is too long.
    #[error("a prefix of {0} bytes: expected at most {LONGEST_PREFIX}")]
    Long(usize),
}

/// A key has 1,024 bytes at most, and what follows the prefix takes some of them.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
const LONGEST_PREFIX: usize = 200;

/// Checks the prefix below which rows are archived. Folders that begin with `_` or `.` are hidden from Athena, and `=` makes
/// partitions: <https://docs.aws.amazon.com/athena/latest/ug/partitions.html>.
///
/// # Errors
/// With what is wrong with it.
pub fn check_archive(prefix: &str) -> Result<(), BadPrefix> {
    check_below(prefix)?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.' | '/');
    if let Some(other) = prefix.chars().find(|c| !plain(*c)) {
        return Err(BadPrefix::Character(prefix.to_owned(), other));
    }
    let hidden = prefix.split('/').find(|folder| folder.starts_with(['_', '.']));
    hidden.map_or(Ok(()), |folder| Err(BadPrefix::Folder(prefix.to_owned(), folder.to_owned())))
}

/// Checks a prefix below which objects are deleted.
///
/// # Errors
/// When it is empty, would be all of a bucket, or leads elsewhere.
pub fn check_below(prefix: &str) -> Result<(), BadPrefix> {
    if prefix.len() > LONGEST_PREFIX {
        return Err(BadPrefix::Long(prefix.len()));
    }
    let Some(folders) = prefix.strip_suffix('/').filter(|folders| !folders.is_empty() && !folders.starts_with('/'))
    else {
        return Err(BadPrefix::NoFolder(prefix.to_owned()));
    };
    // `*` and `?` stand for anything in a role's permit, which is made from this.
    if let Some(other) = folders.chars().find(|c| c.is_control() || matches!(c, '*' | '?' | '$' | '\\' | ',')) {
        return Err(BadPrefix::Character(prefix.to_owned(), other));
    }
    let elsewhere = folders.split('/').find(|folder| matches!(*folder, "" | "." | ".."));
    elsewhere.map_or(Ok(()), |folder| Err(BadPrefix::Folder(prefix.to_owned(), format!("{folder}/"))))
}
