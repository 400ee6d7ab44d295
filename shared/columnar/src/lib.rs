//! Rows of Postgres as Parquet and back, without loss: what goes in as tuples of `COPY ... (FORMAT binary)` comes out
//! as the same bytes.
//!
//! The way out is [`copy::Stream`] -> [`Writer`] -> bytes of an object; the way back is [`File`] -> tuples, which go
//! between [`copy::HEADER`] and [`copy::TRAILER`]. Nothing here knows where the bytes come from or go to.

mod carried;
mod chunk;
mod column;
mod content;
pub mod copy;
mod decode;
mod epoch;
mod error;
mod file;
mod group;
mod layout;
mod pages;
mod schema;
mod session;
mod thrift;
mod writer;

pub use carried::Carried;
pub use column::Column;
pub use content::Content;
pub use error::Error;
pub use file::{File, Group, Parsed};
pub use schema::Schema;
pub use session::SESSION;
pub use writer::{Limits, Writer, Written};

/// Where a file keeps its columns: name, type in Postgres, how carried (JSON).
pub const COLUMNS: &str = "watchkeeper.columns";
/// Where a file keeps how many rows it has.
pub const ROWS: &str = "watchkeeper.rows";
/// Where a file keeps the hash of its tuples, see [`Content`].
pub const CONTENT: &str = "watchkeeper.content";

/// The longest tuple that is carried, in bytes: a page holds at least one value, and a reader of pages must know
/// what it may have to hold.
pub const TUPLE_MAX: usize = 64 << 20;
