//! The signal that a policy raises: its rows cannot be moved, and its end.

use jiff::Timestamp;
use serde_json::json;

use crate::condition::Raised;
use crate::fingerprint::{Fingerprint, Labels};
use crate::notification::truncate;
use crate::severity::Severity;
use crate::signal::SignalStatus;

/// The kind of a signal that a policy's rows cannot be moved; it ends when they are again.
pub const ARCHIVE_FAILED: &str = "archive-failed";
/// The kind of a signal that what was moved is not as it was put there; it ends when all of it was read back whole.
pub const ARCHIVE_DAMAGED: &str = "archive-damaged";
/// Longest summary, in characters: it quotes what a database or a bucket said.
const LONGEST_SUMMARY: usize = 1_000;

/// How bad it is. Rows that stay cost nothing but space, and a disk takes days to fill: nobody is woken for them. What is damaged
/// in cold storage may be the only copy, and what was overwritten there is kept for a while only.
fn severity(kind: &str) -> Severity {
    if kind == ARCHIVE_DAMAGED { Severity::High } else { Severity::Medium }
}

/// How a policy fares, as it is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fares {
    /// Since when it fails.
    pub failing_since: Option<Timestamp>,
    /// Why.
    pub failure: Option<String>,
}

/// How a policy fares after a run at `now` that failed for this reason, or did not; and the signal that follows. One signal
/// begins with the first failure and ends with the first run without one.
pub fn fares(
    kind: &'static str,
    policy: &str,
    before: &Fares,
    failure: Option<&str>,
    now: Timestamp,
    environment: &str,
) -> (Fares, Option<Raised>) {
    match (before.failing_since, failure) {
        (None, None) => (Fares::default(), None),
        (None, Some(why)) => {
            let after = Fares { failing_since: Some(now), failure: Some(why.to_owned()) };
            (after, Some(raised(kind, policy, SignalStatus::Firing, &format!("{policy}: {why}"), now, environment)))
        }
        (Some(since), Some(why)) => (Fares { failing_since: Some(since), failure: Some(why.to_owned()) }, None),
        (Some(_), None) => {
            let is_well = if kind == ARCHIVE_DAMAGED { "were read back whole" } else { "are moved again" };
            let summary = format!("Over. The rows of {policy} {is_well}.");
            (Fares::default(), Some(raised(kind, policy, SignalStatus::Resolved, &summary, now, environment)))
        }
    }
}

fn raised(kind: &str, policy: &str, status: SignalStatus, summary: &str, at: Timestamp, environment: &str) -> Raised {
    let labels = Labels::new();
    let fingerprint = Fingerprint::of(environment, kind, policy, &labels);
    let severity = severity(kind);
    let id = format!("{fingerprint}/{}/{severity}/{at}", status.as_str());
    let body = json!({
        "id": id,
        "source": format!("retention:{policy}"),
        "kind": kind,
        "subject": policy,
        "environment": environment,
        "status": status,
        "severity": severity.to_string(),
        "summary": truncate(summary, LONGEST_SUMMARY),
        "labels": labels,
        "details": {"runbook": "docs/RUNBOOKS.md"},
        "occurred_at": at,
    });
    Raised { id, body: body.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_signal_begins_with_the_first_failure_and_ends_with_the_first_run_without() {
        let at = |second: i64| Timestamp::from_second(1_763_000_000 + second).expect("an instant");
        let mut state = Fares::default();
        let mut said = Vec::new();
        for (second, failure) in [(0, None), (1, Some("S3 is down")), (2, Some("still")), (3, None), (4, None)] {
            let (after, raised) = fares(ARCHIVE_FAILED, "audit-logs", &state, failure, at(second), "prod");
            state = after;
            said.push(raised.map(|raised| raised.id));
        }
        let said: Vec<&str> = said.iter().map(|id| id.as_deref().unwrap_or("nothing")).collect();
        assert!(said[1].contains("/firing/MEDIUM/") && said[3].contains("/resolved/MEDIUM/"), "{said:?}");
        assert_eq!([said[0], said[2], said[4]], ["nothing"; 3]);
    }

    #[test]
    fn nobody_is_woken_for_rows_that_stay_and_somebody_for_an_only_copy_that_is_damaged() {
        let now = Timestamp::from_second(1_763_000_000).expect("an instant");
        for (kind, severity) in [(ARCHIVE_FAILED, "MEDIUM"), (ARCHIVE_DAMAGED, "HIGH")] {
            let (_, raised) = fares(kind, "audit-logs", &Fares::default(), Some("why"), now, "prod");
            let body = raised.expect("a signal").body;
            assert!(body.contains(&format!("\"severity\":\"{severity}\"")), "{kind}: {body}");
        }
    }

    #[test]
    fn the_reason_of_the_last_run_is_remembered_and_the_begin_of_the_first() {
        let at = |second: i64| Timestamp::from_second(1_763_000_000 + second).expect("an instant");
        let (first, _) = fares(ARCHIVE_FAILED, "p", &Fares::default(), Some("one"), at(0), "prod");
        let (second, _) = fares(ARCHIVE_FAILED, "p", &first, Some("two"), at(9), "prod");
        assert_eq!(second, Fares { failing_since: Some(at(0)), failure: Some("two".to_owned()) });
    }
}
