//! Batches of rows that go to cold storage, how far each has come, and how each policy fares.
//!
//! Every move is compare-and-set on state and generation: of two archivers that work on one batch, one is told that it lost.

mod batches;
mod states;

pub use batches::{
    Batch, NewBatch, Totals, Uploaded, Won, checked, deleted, discard, insert, last_generation, least_checked, list,
    open, plan_again, totals, uploaded, verified,
};
pub use states::{failing, states};

use crate::statements::Statement;

pub(crate) const STATEMENTS: &[&Statement] = &[
    &batches::OPEN,
    &batches::INSERT,
    &batches::LAST_GENERATION,
    &batches::UPLOADED,
    &batches::VERIFIED,
    &batches::PLAN_AGAIN,
    &batches::DISCARD,
    &batches::DELETED,
    &batches::LIST,
    &batches::LEAST_CHECKED,
    &batches::CHECKED,
    &batches::TOTALS,
    &states::READ,
    &states::WRITE,
];
