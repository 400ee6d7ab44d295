//! Calls to others: the one HTTP client, what a failed call of an AWS client means, and causes that give no secret away.
//!
//! Whoever calls decides what an answer, or the lack of one, means: a notice may be sent again when in doubt, a trigger may
//! not.

pub mod aws;
mod cause;
mod http;

pub use cause::Cause;
pub use http::{Answer, Head, Http, NoAnswer, Request};
pub use reqwest::Method;
