//! Upstream products: which cycles there should be, whether each has been published, and the run that processes it.
//!
//! A *source* is an upstream product, a *cycle* one of its nominal times, a *run* the processing of one cycle. Each cycle
//! that is expected has a row ([`Run`]); [`plan()`] says of every one in a window what to do or why nothing is done,
//! [`reconcile()`] follows a run that was triggered to its end, and [`may_move`] is the one table of who may change what.
//! Nothing here looks, sends or writes: callers do, and what they learn comes back as values.

pub mod alike;
pub mod cycles;
pub mod joint;
pub mod listing;
mod look;
pub mod mirrors;
pub mod pattern;
pub mod plan;
pub mod presets;
pub mod reconcile;
pub mod request;
pub mod retry;
mod run;
pub mod sending;
pub mod signals;
pub mod source;
mod states;

#[cfg(test)]
mod tests;

pub use listing::{Growing, Object, Requirement, Settle, Verdict, judge};
pub use look::Look;
pub use pattern::{BadPattern, KeyPattern};
pub use plan::{Found, Plan, Planned, plan};
pub use reconcile::{Evidence, Next, reconcile};
pub use request::{BadRequest, Request};
pub use run::{Run, RunKey};
pub use source::{BadSource, Republished, Source, Upstream};
pub use states::{Compare, Mover, Refusal, RunStatus, may_move};
