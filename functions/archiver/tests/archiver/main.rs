//! archiver as people and its schedule meet it: the real process, on a real Postgres, before the emulator and a fake S3.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod batches;
mod crashes;
mod faults;
mod hard_delete;
mod policies;
mod readers;
mod restores;
mod sizes;
mod turns;
mod world;
