//! The actual router, under a Runtime API stub, against a real Postgres, an emulated SSM, SQS and SNS, and a PagerDuty
//! that keeps incidents as the real one does.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod calm;
mod crashes;
mod deliveries;
mod faults;
mod marked_secrets;
mod messages;
mod parameters;
mod poison;
mod reconcile;
mod refusals;
mod retries;
mod shapes;
mod storm;
mod story;
mod synthetic;
mod world;
