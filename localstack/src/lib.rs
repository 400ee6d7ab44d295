//! The local cloud: Postgres, an AWS emulator and fake receivers, with `template.yaml` deployed into them.
//!
//! The commands of `cargo local` and `cargo demo` are thin; tests use [`cloud::Cloud`] directly.

pub mod aws;
pub mod checkov;
pub mod client;
pub mod cloud;
pub mod demo;
pub mod deploy;
pub mod lint;
pub mod operations;
pub mod package;
mod parts;
pub mod pipeline;
pub mod progress;
pub mod record;
pub mod stack;
pub mod supervisor;
pub mod wait;
