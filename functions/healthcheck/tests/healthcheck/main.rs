//! The actual binary against real Postgres and the emulator's CloudWatch and SSM.

#![expect(clippy::expect_used, clippy::panic, reason = "a stage that cannot be set is a failed test")]

mod faults;
mod isolation;
mod measuring;
mod record;
mod refusals;
mod subscribers;
mod thresholds;
mod world;
