//! The shipped watch files are right, and a wrong one says everything that is wrong with it.

mod mistakes;
mod shipped;
