//! The shipped watch files are right, and a wrong one says everything that is wrong with it.

mod all_at_once;
mod checks;
mod heartbeats;
mod hours;
mod meanings;
mod mistakes;
mod receivers;
mod retention;
mod routing;
mod schema;
mod shipped;
mod shipped_checks;
mod sources;
