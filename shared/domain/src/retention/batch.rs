//! The states of a batch, and the one table of how it moves between them.

use std::fmt;

/// How far a batch has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BatchStatus {
    /// Its rows are named; an upload may be under way.
    Planned,
    /// An object holds its rows, as far as the upload said.
    Uploaded,
    /// The object was read back and holds its rows.
    Verified,
    /// Its rows are gone from the table.
    Deleted,
}

impl BatchStatus {
    /// All of them, in the order in which a batch passes through them.
    pub const ALL: [Self; 4] = [Self::Planned, Self::Uploaded, Self::Verified, Self::Deleted];

    /// The word in the column `archive_batches.status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Uploaded => "uploaded",
            Self::Verified => "verified",
            Self::Deleted => "deleted",
        }
    }

    /// Reads the word of the column back.
    pub fn from_stored(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl fmt::Display for BatchStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a batch may move from one state to another.
///
/// Back to `planned` is a new generation, with an object of its own: rows changed before they were uploaded, or the object
/// does not hold them. From `verified` on nothing leads back: its rows may be gone, and the object is where they are.
pub const fn may_move(from: BatchStatus, to: BatchStatus) -> bool {
    use BatchStatus::{Deleted, Planned, Uploaded, Verified};
    matches!(
        (from, to),
        (Planned | Uploaded, Planned) | (Planned, Uploaded) | (Uploaded, Verified) | (Verified, Deleted)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_deleted_only_of_a_batch_that_was_verified_and_nothing_leads_back_from_there() {
        use BatchStatus::{Deleted, Planned, Uploaded, Verified};
        let allowed =
            [(Planned, Planned), (Planned, Uploaded), (Uploaded, Planned), (Uploaded, Verified), (Verified, Deleted)];
        for from in BatchStatus::ALL {
            for to in BatchStatus::ALL {
                assert_eq!(may_move(from, to), allowed.contains(&(from, to)), "{from} -> {to}");
            }
        }
    }

    #[test]
    fn the_words_of_the_column_are_read_back() {
        for status in BatchStatus::ALL {
            assert_eq!(BatchStatus::from_stored(status.as_str()), Some(status));
        }
        assert_eq!(BatchStatus::from_stored("gone"), None);
    }
}
