//! What archiver is invoked with: a task, and what it is about.

use domain::retention::Task;
use jiff::Timestamp;
use runtime::{Fault, payload};
use serde::Deserialize;
use serde_json::Value;

/// An invocation, parsed at the door.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// What is to be done.
    pub(crate) task: Task,
    /// Only this policy; for `hard_delete`, which one.
    #[serde(default)]
    pub(crate) policy: Option<String>,
    /// Rows from this instant on.
    #[serde(default, deserialize_with = "payload::optional_instant")]
    pub(crate) from: Option<Timestamp>,
    /// Rows before this instant.
    #[serde(default, deserialize_with = "payload::optional_instant")]
    pub(crate) to: Option<Timestamp>,
    /// The table that rows are restored into.
    #[serde(default)]
    pub(crate) into: Option<String>,
    /// Whose rows are deleted for good.
    #[serde(default)]
    pub(crate) organization_id: Option<String>,
    /// The token of a dry run.
    #[serde(default)]
    pub(crate) confirm: Option<String>,
    /// Changes nothing.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Replaces the store's clock.
    #[serde(default, deserialize_with = "payload::optional_instant")]
    pub(crate) now: Option<Timestamp>,
    /// When the scheduler meant it to run.
    #[serde(default, deserialize_with = "payload::scheduled_at")]
    pub(crate) scheduled_at: Option<Timestamp>,
}

/// Reads an invocation's payload.
///
/// # Errors
/// `BadPayload` that names the field.
pub(crate) fn parse(payload: Value) -> Result<Asked, Fault> {
    let asked: Asked = payload::parse(payload)?;
    asked.check()?;
    Ok(asked)
}

impl Asked {
    /// Whether nothing may be changed: what nobody has confirmed is deleted by nobody.
    pub(crate) fn is_rehearsal(&self) -> bool {
        self.dry_run || (self.task == Task::HardDelete && self.confirm.is_none())
    }

    /// A field that a task does not know would be ignored in silence: nobody would learn that `from` was of no effect.
    fn check(&self) -> Result<(), Fault> {
        let task = self.task;
        let refuse = |field: &str, is: bool, tasks: &[Task]| {
            if !is || tasks.contains(&task) {
                return Ok(());
            }
            let known: Vec<&str> = tasks.iter().map(|task| task.as_str()).collect();
            Err(Fault::bad_payload(format!("{field}: the task {task} has none; it belongs to {}", known.join(", "))))
        };
        let ranged = [Task::Restore, Task::Verify];
        refuse("from", self.from.is_some(), &ranged)?;
        refuse("to", self.to.is_some(), &ranged)?;
        refuse("into", self.into.is_some(), &[Task::Restore])?;
        refuse("organization_id", self.organization_id.is_some(), &[Task::HardDelete])?;
        refuse("confirm", self.confirm.is_some(), &[Task::HardDelete])?;
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            return Err(Fault::bad_payload(format!("to: {to} is not after `from`, {from}")));
        }
        let missing = |field: &str, what: &str| Err(Fault::bad_payload(format!("{field}: missing; expected {what}")));
        match task {
            Task::Restore if self.policy.is_none() => missing("policy", "whose rows are restored"),
            Task::HardDelete if self.organization_id.as_ref().is_none_or(|id| id.trim().is_empty()) => {
                missing("organization_id", "whose rows are deleted")
            }
            Task::Restore if self.into.is_none() => missing("into", "the table that the rows are put into"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_task_is_called_by_its_one_name() {
        for task in Task::ALL {
            let mut payload = json!({"task": task.as_str()});
            if task == Task::Restore {
                payload = json!({"task": "restore", "policy": "audit-logs", "into": "audit_logs_2023"});
            } else if task == Task::HardDelete {
                payload = json!({"task": "hard_delete", "organization_id": "42"});
            }
            assert_eq!(parse(payload).map(|asked| asked.task), Ok(task), "{task}");
        }
    }

    #[test]
    fn a_refusal_names_the_field() {
        for (payload, said) in [
            (json!({}), "task"),
            (json!({"task": "archive_watchpoints"}), "expected one of `archive`, `prune`, `restore`"),
            (json!({"task": "archive", "into": "x"}), "into: the task archive has none; it belongs to restore"),
            (json!({"task": "prune", "confirm": "x"}), "confirm: the task prune has none; it belongs to hard_delete"),
            (json!({"task": "restore", "into": "x"}), "policy: missing"),
            (json!({"task": "hard_delete"}), "organization_id: missing"),
            (json!({"task": "hard_delete", "organization_id": " "}), "organization_id: missing"),
            (json!({"task": "hard_delete", "organization_id": 42}), "organization_id: expected a text, not 42"),
            (json!({"task": "restore", "policy": "audit-logs"}), "into: missing"),
            (json!({"task": "verify", "from": "2024-02-01T00:00:00Z", "to": "2024-01-01T00:00:00Z"}), "is not after"),
            (json!({"task": "plan", "polcy": "x"}), "polcy"),
        ] {
            let message = parse(payload.clone()).expect_err("refused").message;
            assert!(message.contains(said), "{payload} -> {message}");
        }
    }
}
