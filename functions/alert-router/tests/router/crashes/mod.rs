//! Crash points over the whole machine: each story is played once for every statement and every send that it passes, with a
//! process that is killed right there; others finish the work. Wherever it dies, nothing is lost, and what is accepted of
//! one notice is at most one more than the crashes and the answers that nobody heard.

mod evidence;
mod machine;
mod stories;
