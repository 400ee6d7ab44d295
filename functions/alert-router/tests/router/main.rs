//! The actual router, under a Runtime API stub, against a real Postgres, an emulated SSM, SQS and SNS, and a PagerDuty
//! that keeps incidents as the real one does.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod calm;
mod chats;
mod crashes;
mod deliveries;
mod explain;
mod faults;
mod gone;
mod gone_drain;
mod gone_unread;
mod gone_ways;
mod marked_secrets;
mod messages;
mod operations;
mod parameters;
mod poison;
mod pooled;
mod quarantine;
mod reconcile;
mod refusals;
mod replay;
mod restored;
mod retries;
mod shapes;
mod storm;
mod story;
mod synthetic;
mod world;
