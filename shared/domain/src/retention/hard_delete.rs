//! A hard delete: everything of one person or organisation, from several tables, in one transaction.

use super::keep::Keep;
use super::table::Table;

/// Which tables are emptied of what belongs to one key, and in which order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HardDelete {
    /// Its name.
    pub name: String,
    /// The database of the watch file.
    pub database: String,
    /// The column that says whose a row is, in every table that names no other.
    pub key: String,
    /// The tables, in the order in which they are emptied; the last is the one that holds the organisation, or the person.
    pub tables: Vec<Emptied>,
    /// Tables that hold the key, and keep their rows.
    pub keep: Vec<Table>,
    /// Where the deletion is put on record, in the same transaction: a table with the columns `what`, `id`, `confirmed_by`,
    /// `counts` and `deleted_at`.
    pub record: Table,
    /// How those are found that were marked as deleted.
    pub soft_deleted: Option<SoftDeleted>,
}

/// A table that is emptied of what belongs to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emptied {
    /// The table.
    pub table: Table,
    /// The column that says whose a row is.
    pub key: String,
}

/// What marks a row of the last table as deleted, and how long it is kept then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoftDeleted {
    /// The column that says since when.
    pub column: String,
    /// How long after that everything of it is deleted for good.
    pub keep: Keep,
}
