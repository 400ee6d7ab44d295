//! What archiver can be asked to do: the one vocabulary of schedules, payloads, samples and documents.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A task of archiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Moves old rows to cold storage: the policies that have an `archive`.
    Archive,
    /// Deletes old rows for good: the policies that have none.
    Prune,
    /// Brings archived rows back into a table.
    Restore,
    /// Reads what cold storage holds and compares it with what was put there.
    Verify,
    /// Says what `archive` and `prune` would do, and what that saves.
    Plan,
    /// Deletes everything of one person or organisation.
    HardDelete,
}

impl Task {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Archive, Self::Prune, Self::Restore, Self::Verify, Self::Plan, Self::HardDelete];

    /// Those whose runs are in the ledger, which a heartbeat can watch: to plan changes nothing.
    pub const RECORDED: [Self; 5] = [Self::Archive, Self::Prune, Self::Restore, Self::Verify, Self::HardDelete];

    /// The word in payloads, schedules and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Prune => "prune",
            Self::Restore => "restore",
            Self::Verify => "verify",
            Self::Plan => "plan",
            Self::HardDelete => "hard_delete",
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_task_is_called_the_same_in_payloads_and_everywhere_else() {
        for task in Task::ALL {
            assert_eq!(json!(task), json!(task.as_str()));
            assert_eq!(serde_json::from_value::<Task>(json!(task.as_str())).ok(), Some(task));
        }
    }

    #[test]
    fn a_task_that_is_unknown_is_told_with_all_that_are_known() {
        let told = serde_json::from_value::<Task>(json!("archive_watchpoints")).map_err(|error| error.to_string());
        let told = told.err().unwrap_or_default();
        assert!(Task::ALL.iter().all(|task| told.contains(&format!("`{task}`"))), "{told}");
    }
}
