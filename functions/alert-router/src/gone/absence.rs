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
    /// The store was found gone, or is still left alone. The latter does not begin anew, or a busy sandbox would never ask
    /// again.
    pub(crate) fn notice(&mut self) {
        if self.rest().is_none() {
            self.noticed_at = Some(Instant::now());
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_that_never_pauses_asks_the_store_again_all_the_same() {
        let mut absence = Absence::default();
        absence.notice();
        let begun = absence.noticed_at;
        absence.notice();
        assert_eq!(absence.noticed_at, begun, "a batch that came meanwhile found out nothing new");
        absence.noticed_at = Instant::now().checked_sub(REST);
        assert_eq!(absence.rest(), None);
        absence.notice();
        assert!(absence.rest().is_some(), "it was asked, and is gone still");
    }
}
