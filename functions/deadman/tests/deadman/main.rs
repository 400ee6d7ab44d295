//! deadman as people and its schedule meet it: the real process, on a real Postgres, before the emulator.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod crashes;
mod evaluations;
mod hard_times;
mod overlaps;
mod own_functions;
mod pings;
mod world;
