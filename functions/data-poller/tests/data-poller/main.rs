//! data-poller as people and its schedule meet it: the real process, on a real Postgres, before the emulator, a fake upstream
//! and a fake RunPod.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod backfills;
mod claims;
mod crashes;
mod days;
mod fairness;
mod faults;
mod kinds;
mod limits;
mod missing;
mod outages;
mod polls;
mod republished;
mod runbooks;
mod upstream;
mod world;
