//! Whole-system timelines, all on one local cloud.

mod dead_letters;
mod events;
mod gaps;
mod one_page;
mod stale_telemetry;
