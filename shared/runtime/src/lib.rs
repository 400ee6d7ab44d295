//! The Lambda edge: telemetry, payloads, faults, deadlines, summaries, AWS clients, the `alerts` queue.

pub mod aws;
pub mod deadline;
pub mod embedded;
pub mod fault;
pub mod ledger;
pub mod opening;
#[cfg(debug_assertions)]
mod operations;
pub mod payload;
pub mod queue;
pub mod raise;
pub mod summary;
pub mod telemetry;

pub use deadline::Deadline;
pub use fault::{Fault, Kind};
pub use summary::Summary;
