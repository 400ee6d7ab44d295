//! Retention: which rows are old, where they go, and what has to be so before they are deleted.
//!
//! A *policy* says of one table which rows leave it and when. They leave in *batches*: each is planned, uploaded, verified and
//! only then deleted ([`BatchStatus`]). A *hard delete* takes everything of one person or organisation out of a database.
//! Nothing here reads, uploads or deletes: callers do, with the clock of the database that holds the rows.

mod batch;
mod condition;
mod confirm;
mod floor;
mod hard_delete;
mod keep;
mod object_key;
mod own;
mod pace;
mod policy;
mod saving;
mod signals;
mod table;
mod task;
#[cfg(test)]
mod tests;

pub use batch::{BatchStatus, may_move};
pub use condition::{BadCondition, check_condition};
pub use confirm::{CONFIRMATION_LASTS, Unconfirmed, confirmation, confirms};
pub use floor::Floor;
pub use hard_delete::{Emptied, HardDelete, SoftDeleted};
pub use keep::{BadKeep, BeforeTime, Keep};
pub use object_key::{KeyRange, Partition, object_key, table_folder};
pub use own::{OWN_SCHEMA, OWN_TABLES, OwnTable, own_table};
pub use pace::{Limits, Pace, Pressure, pace};
pub use policy::{BadPrefix, MOST_KEY_COLUMNS, Objects, Policy, check_archive, check_below};
pub use saving::{ColdPrice, GLACIER_FLEXIBLE, GLACIER_INSTANT, HOT_PER_GB_MONTH, saving};
pub use signals::{ARCHIVE_DAMAGED, ARCHIVE_FAILED, Fares, fares};
pub use table::{BadName, Table, check_name, quoted};
pub use task::Task;
