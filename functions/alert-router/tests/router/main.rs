//! The actual router, under a Runtime API stub, against a real Postgres, an emulated SSM, SQS and SNS, and a PagerDuty
//! that keeps incidents as the real one does.

mod crashes;
mod faults;
mod messages;
mod poison;
mod refusals;
mod retries;
mod story;
mod world;
