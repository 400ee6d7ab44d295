//! The digest: one quiet message about what was suppressed since the last one.

pub mod restored;

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use crate::decide::SYNTHETIC;
use crate::fingerprint::{Fingerprint, Labels};
use crate::notification::{Notice, Notification, Text};
use crate::policy::Policy;
use crate::severity::Severity;

/// How many lines a digest has at most; the last one counts what is left.
const MOST_LINES: usize = 60;

/// Signals of one sort that were suppressed for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppressed {
    /// How bad they were.
    pub severity: Severity,
    /// Who sent them.
    pub source: String,
    /// What sort of condition.
    pub kind: String,
    /// Of what.
    pub subject: String,
    /// Why they told nobody.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// The receivers of a digest: those of the default route. Where a key opens an incident and wakes somebody, no digest goes.
pub fn receivers(policy: &Policy) -> Vec<&str> {
    let takes =
        |name: &&String| policy.receivers.get(*name).is_some_and(|receiver| !receiver.integration.keeps_incidents());
    policy.default_route.to.iter().filter(takes).map(String::as_str).collect()
}

/// What a digest says; `None` where there is nothing to say.
pub fn notification(
    digest_id: Uuid,
    (from, to): (Timestamp, Timestamp),
    environment: &str,
    suppressed: &[Suppressed],
) -> Option<Notification> {
    let told: Vec<&Suppressed> = suppressed.iter().filter(|one| one.kind != SYNTHETIC).collect();
    let severity = told.iter().map(|one| one.severity).max()?;
    let total: u64 = told.iter().map(|one| one.count).sum();
    let signals = if total == 1 { "signal" } else { "signals" };
    let text = Text {
        title: format!("[digest] {environment}: {total} {signals} told nobody since {from}"),
        lines: lines(&told),
    };
    Some(quiet(digest_id, (from, to), environment, severity, text))
}

/// A message in words of its own that wakes nobody.
fn quiet(
    digest_id: Uuid,
    (from, to): (Timestamp, Timestamp),
    environment: &str,
    severity: Severity,
    text: Text,
) -> Notification {
    let labels = Labels::new();
    Notification {
        notice: Notice::Digest,
        alert_id: digest_id,
        fingerprint: Fingerprint::of(environment, "digest", &digest_id.to_string(), &labels),
        dedup_key: format!("digest:{digest_id}"),
        severity,
        environment: environment.to_owned(),
        kind: "digest".to_owned(),
        subject: "digest".to_owned(),
        labels,
        summary: String::new(),
        source: "watchkeeper".to_owned(),
        occurred_at: to,
        opened_at: from,
        runbook: None,
        tells_firing_too: false,
        notes: Vec::new(),
        text: Some(text),
    }
}

/// By severity, the worst first; then by source and subject, each with its reasons.
fn lines(suppressed: &[&Suppressed]) -> Vec<String> {
    let mut sorts: BTreeMap<_, BTreeMap<&str, u64>> = BTreeMap::new();
    for one in suppressed {
        let sort = (std::cmp::Reverse(one.severity), one.source.as_str(), one.kind.as_str(), one.subject.as_str());
        *sorts.entry(sort).or_default().entry(one.reason.as_str()).or_default() += one.count;
    }
    let mut lines: Vec<String> = sorts
        .iter()
        .map(|((severity, source, kind, subject), reasons)| {
            let reasons: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
            format!("[{}] {kind} {subject} from {source}: {}", severity.0, reasons.join(", "))
        })
        .collect();
    if lines.len() > MOST_LINES {
        let left = lines.split_off(MOST_LINES - 1);
        let counts = sorts.values().skip(MOST_LINES - 1).flat_map(|reasons| reasons.values());
        lines.push(format!("and {} signals of {} more sorts", counts.sum::<u64>(), left.len()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suppressed(severity: Severity, subject: &str, reason: &str, count: u64) -> Suppressed {
        let (source, kind) = ("check:queue".to_owned(), "metric".to_owned());
        Suppressed { severity, source, kind, subject: subject.to_owned(), reason: reason.to_owned(), count }
    }

    fn of(suppressed: &[Suppressed]) -> Option<Notification> {
        let at = |text: &str| text.parse().expect("an instant");
        notification(Uuid::from_u128(7), (at("2026-03-01T06:00:00Z"), at("2026-03-01T07:00:00Z")), "prod", suppressed)
    }

    #[test]
    fn the_worst_comes_first_and_each_sort_is_one_line_with_its_reasons() {
        let told = of(&[
            suppressed(Severity::Low, "Q/Depth", "silenced", 2),
            suppressed(Severity::High, "Q/Depth", "duplicate", 9_999),
            suppressed(Severity::High, "Q/Depth", "stale", 1),
        ]);
        let told = told.and_then(|told| told.text).expect("a digest in words of its own");
        assert_eq!(told.title, "[digest] prod: 10002 signals told nobody since 2026-03-01T06:00:00Z");
        assert_eq!(
            told.lines,
            [
                "[HIGH] metric Q/Depth from check:queue: 9999 duplicate, 1 stale",
                "[LOW] metric Q/Depth from check:queue: 2 silenced"
            ]
        );
    }

    #[test]
    fn however_much_there_is_a_digest_stays_short_and_counts_the_rest() {
        let many: Vec<Suppressed> =
            (0..500).map(|n| suppressed(Severity::Medium, &format!("s{n:03}"), "duplicate", 3)).collect();
        let lines = of(&many).and_then(|told| told.text).expect("a digest in words of its own").lines;
        assert_eq!(lines.len(), MOST_LINES);
        assert_eq!(lines.last().map(String::as_str), Some("and 1323 signals of 441 more sorts"));
    }

    #[test]
    fn nothing_is_said_of_nothing_nor_of_our_own_synthetic_alert() {
        assert_eq!(of(&[]), None);
        let own = Suppressed { kind: SYNTHETIC.to_owned(), ..suppressed(Severity::Low, "walk", "duplicate", 5) };
        assert_eq!(of(&[own]), None);
    }
}
