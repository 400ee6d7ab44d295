//! The shipped watch files are right, and a wrong one says everything that is wrong with it.

mod all_at_once;
mod hours;
mod mistakes;
mod shipped;
