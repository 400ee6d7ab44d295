//! Development only: what tests, the local cloud and the bench start and talk to.

pub mod binaries;
pub mod bucket;
pub mod children;
pub mod cloudwatch;
pub mod cloudwatch_alarm;
pub mod door;
pub mod emulator;
pub mod operations;
pub mod pagerduty;
pub mod pgbouncer;
pub mod postgres;
pub mod proxy;
pub mod receivers;
pub mod runpod;
pub mod runtime_api;
pub mod samples;
mod serve;
mod slack;
mod telegram;
pub mod tools;
