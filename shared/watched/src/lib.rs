//! Asks the databases that are watched: straight, each statement alone in a transaction that may only read, or through a
//! function that runs queries.

mod cells;
mod failure;
mod function;
mod functions;
mod number;
mod postgres;
mod session;

pub use cells::{Cell, Rows};
pub use failure::{Failure, FailureKind, Trouble};
pub use functions::Functions;
pub use session::{Question, Session};
