//! Whole-system timelines, all on one local cloud.

mod archive;
mod barred_worker;
mod dead_letters;
mod events;
mod failover;
mod gaps;
mod heartbeat;
mod lost_notification;
mod one_page;
mod postgres_gone;
mod silence;
mod stale_telemetry;
mod synthetic;
mod upstream;
