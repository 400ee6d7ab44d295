//! Orders what one source says by that source's own clock, so that late, repeated and reordered messages do no harm.

use jiff::Timestamp;

use crate::alert::SourceState;
use crate::signal::{Signal, SignalStatus};

/// How a signal stands to what its source said before.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Something newer is known.
    Stale,
    /// The same is known.
    Duplicate,
    /// It changes what the source says.
    News,
}

/// Hears a `Firing` or `Resolved` signal received at `now`; answers how it stands and what its source now says.
///
/// A change dated after its receipt counts as the receipt: a clock that runs ahead must not make a source deaf.
pub(super) fn hear(before: Option<&SourceState>, signal: &Signal, now: Timestamp) -> (Heard, SourceState) {
    let changed_at = as_recorded(signal.occurred_at.min(now));
    let said = SourceState { status: signal.status, severity: signal.severity, changed_at };
    let Some(before) = before else { return (Heard::News, said) };
    if says_the_same(before, &said) {
        // However dated: else a late recovery between two alarms would end what still fires.
        let changed_at = before.changed_at.max(said.changed_at);
        return (Heard::Duplicate, SourceState { changed_at, ..before.clone() });
    }
    if is_newer(&said, before) { (Heard::News, said) } else { (Heard::Stale, before.clone()) }
}

/// The record keeps microseconds: of two at one instant the second must not look newer than the first read back.
fn as_recorded(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// The severity of a recovery means nothing.
fn says_the_same(before: &SourceState, said: &SourceState) -> bool {
    before.status == said.status && (said.status == SignalStatus::Resolved || before.severity == said.severity)
}

/// At equal instants firing wins over resolved, and the higher severity over the lower.
fn is_newer(said: &SourceState, before: &SourceState) -> bool {
    let weight = |source: &SourceState| (source.status == SignalStatus::Firing).then_some(source.severity);
    (said.changed_at, weight(said)) > (before.changed_at, weight(before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Severity;
    use crate::decide::tests::says;

    #[test]
    fn two_at_one_instant_are_at_one_instant_for_the_record_as_well() {
        let instant: Timestamp = "2026-03-01T06:00:00.123456789Z".parse().expect("an instant");
        let on_record = SourceState {
            status: SignalStatus::Firing,
            severity: Severity::Critical,
            changed_at: "2026-03-01T06:00:00.123456Z".parse().expect("what Postgres keeps of it"),
        };
        let now = instant.saturating_add(jiff::SignedDuration::from_secs(1)).expect("a time");
        for (status, severity) in [(SignalStatus::Firing, Severity::High), (SignalStatus::Resolved, Severity::High)] {
            let signal = Signal { occurred_at: instant, ..says("a", status, severity, "06:00:00").signal };
            assert_eq!(hear(Some(&on_record), &signal, now), (Heard::Stale, on_record.clone()));
        }
    }
}
