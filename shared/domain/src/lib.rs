//! The pure rules of Watchkeeper: no clock, no network, no database, no environment.
//!
//! Decisions are functions of state and `now`; parsing into these types is the only thing here that fails.

pub mod alert;
pub mod check;
pub mod classify;
pub mod condition;
pub mod cron;
pub mod decide;
pub mod delivery;
pub mod digest;
pub mod duration;
pub mod environment;
pub mod fingerprint;
pub mod gone;
pub mod heartbeat;
pub mod hours;
pub mod ingest;
pub mod notification;
pub mod policy;
pub mod rate;
pub mod reconcile;
pub mod replay;
pub mod retention;
pub mod severity;
pub mod signal;
pub mod silence;
pub mod upstream;

pub use fingerprint::Fingerprint;
pub use jiff::Timestamp;
pub use notification::{Notice, Notification};
pub use policy::Policy;
pub use severity::Severity;
pub use signal::{Signal, SignalStatus};
