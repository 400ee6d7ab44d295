//! What the whole-system timelines share: one local cloud per test binary, and words to tell a timeline with.

pub mod alarm;
pub mod chaos;
pub mod world;
