//! That Postgres is gone, as far as this sandbox knows.

use std::time::{Duration, Instant};

use domain::gone::Memory;

/// How long the store is left alone once it was found gone: a storm must not wait for a dead server with every batch.
const REST: Duration = Duration::from_secs(15);

/// What a sandbox knows of the store's absence.
#[derive(Default)]
pub(crate) struct Absence {
    noticed_at: Option<Instant>,
    /// Who was told meanwhile.
    pub(crate) memory: Memory,
}

impl Absence {
    /// The store was found gone.
    pub(crate) fn notice(&mut self) {
        self.noticed_at = Some(Instant::now());
    }

    /// Whether the store was gone when it was last asked.
    pub(crate) fn is_noticed(&self) -> bool {
        self.noticed_at.is_some()
    }

    /// How long the store is still left alone.
    pub(crate) fn rest(&self) -> Option<Duration> {
        let rest = failpoint::pause(REST).saturating_sub(self.noticed_at?.elapsed());
        Some(rest).filter(|rest| !rest.is_zero())
    }

    /// The store is back, and what was held is on record: who was told is on record, too.
    pub(crate) fn end(&mut self) {
        *self = Self::default();
    }
}
