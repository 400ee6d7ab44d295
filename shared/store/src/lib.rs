//! Postgres: the record of what came in, what was decided and who was told. One module per aggregate.
//!
//! Every statement is typed and unnamed (`query_typed`), so that it survives a transaction pooler, and keeps to tables
//! qualified by their schema. A change of state is compare-and-set and says whether it won.

pub mod acknowledgements;
pub mod alarm_sources;
pub mod archive;
pub mod batch;
pub mod check_states;
pub mod connect;
pub mod cycles;
pub mod deliveries;
pub mod digests;
mod error;
pub mod events;
pub mod explain;
pub mod heartbeats;
pub mod leases;
pub mod ledger;
pub mod migrations;
pub mod outbox;
pub mod quarantines;
pub mod query;
pub mod replay;
pub mod restored;
mod rows;
pub mod runs;
pub mod silences;
pub mod statements;
pub mod suspects;
pub mod told;
pub mod vitals;

pub use connect::Connection;
pub use error::{Class, Error};
