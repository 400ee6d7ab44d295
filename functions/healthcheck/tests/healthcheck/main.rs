//! The actual binary against real Postgres and the emulator's CloudWatch and SSM.

#![expect(clippy::expect_used, clippy::panic, reason = "a stage that cannot be set is a failed test")]

mod dimensions;
mod faults;
mod http;
mod isolation;
mod measuring;
mod pipeline;
mod query_function;
mod queues;
mod record;
mod refusals;
mod subscribers;
mod switches;
mod thresholds;
mod world;
