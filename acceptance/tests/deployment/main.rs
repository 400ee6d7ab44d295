//! What is deployed, compared with what the code asks for: variables, permissions, alarms, settings, dependencies.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod alarm_timelines;
mod alarms;
mod archive;
mod dependencies;
mod permissions;
mod readme;
mod settings;
mod template;
