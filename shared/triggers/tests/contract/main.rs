//! One contract for every kind of trigger, held against fakes that keep what they were sent.

#![expect(clippy::expect_used, reason = "a stage that cannot be set is a failed test")]

mod aws;
mod follow;
mod outcomes;
mod runpod;
mod stage;
