//! The signal that a change of a condition becomes, in its native form.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Change, Condition};
use crate::notification::truncate;
use crate::signal::SignalStatus;

/// Longest summary, in characters: it quotes what a database or an endpoint said, which may be anything.
const LONGEST_SUMMARY: usize = 1_000;

/// A signal to be put on the `alerts` queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// Deterministic, `{fingerprint}/{status}/{severity}/{at}`: sending it twice is harmless.
    pub id: String,
    /// The native form, as JSON.
    pub body: String,
}

/// What a change at `at` becomes.
pub fn raise(condition: &Condition, change: Change, environment: &str, at: Timestamp) -> Raised {
    let (status, summary) = match change {
        Change::Firing { .. } => (SignalStatus::Firing, condition.summary.clone()),
        Change::Resolved { since } => {
            let lasted = since.map(|since| format!(" after {}", spoken(at.duration_since(since)))).unwrap_or_default();
            (SignalStatus::Resolved, format!("Over{lasted}. {}", condition.summary))
        }
    };
    let summary = truncate(&summary, LONGEST_SUMMARY);
    let fingerprint = condition.fingerprint(environment);
    let id = format!("{fingerprint}/{}/{}/{at}", status.as_str(), condition.severity);
    let mut details = condition.details.clone();
    if let Some(value) = condition.value {
        details.insert("value".to_owned(), json!(value));
    }
    if let Change::Firing { since } | Change::Resolved { since: Some(since) } = change {
        details.insert("since".to_owned(), json!(since));
    }
    let body = json!({
        "id": id,
        "source": condition.source(),
        "kind": condition.kind,
        "subject": condition.subject,
        "environment": environment,
        "status": status,
        "severity": condition.severity.to_string(),
        "summary": summary,
        "labels": condition.labels,
        "details": details,
        "occurred_at": at,
    });
    Raised { id, body: body.to_string() }
}

/// A length of time as people say it: its two largest units.
fn spoken(length: SignedDuration) -> String {
    let seconds = length.as_secs().max(0);
    let units = [("d", seconds / 86_400), ("h", seconds / 3_600 % 24), ("m", seconds / 60 % 60), ("s", seconds % 60)];
    let said: Vec<String> = units
        .iter()
        .skip_while(|(_, count)| *count == 0)
        .take(2)
        .filter(|(_, count)| *count > 0)
        .map(|(unit, count)| format!("{count}{unit}"))
        .collect();
    if said.is_empty() { "0s".to_owned() } else { said.concat() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_said_in_its_two_largest_units() {
        for (seconds, said) in
            [(0, "0s"), (59, "59s"), (61, "1m1s"), (3_600, "1h"), (3_661, "1h1m"), (90_000, "1d1h"), (86_460, "1d")]
        {
            assert_eq!(spoken(SignedDuration::from_secs(seconds)), said);
        }
    }
}
