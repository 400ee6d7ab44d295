//! What is deployed, compared with what the code asks for: variables, permissions, thresholds, dependencies.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod dependencies;
mod template;
