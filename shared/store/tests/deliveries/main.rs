//! Deliveries on a real Postgres: leased by rate and by urgency, moved on, told to others, released.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod buckets;
mod fallback;
mod held;
mod record;
mod storms;
