//! Tells a person at the terminal what is going on.

use std::time::Instant;

/// Writes one line per step to stderr, with the seconds since the start; stdout stays for results.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    started: Instant,
}

impl Progress {
    /// Starts the clock.
    #[must_use]
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// One line.
    pub fn say(&self, what: impl AsRef<str>) {
        eprintln!("{:6.1}s  {}", self.started.elapsed().as_secs_f64(), what.as_ref());
    }
}
