//! One contract for every kind of receiver, held against fake ones that keep what they were sent.

#![expect(clippy::expect_used, reason = "a stage that cannot be set is a failed test")]

mod answers;
mod content;
mod documented;
mod golden;
mod mail;
mod stage;
