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
    let said =
        SourceState { status: signal.status, severity: signal.severity, changed_at: signal.occurred_at.min(now) };
    let Some(before) = before else { return (Heard::News, said) };
    if says_the_same(before, &said) {
        // However dated: else a late recovery between two alarms would end what still fires.
        let changed_at = before.changed_at.max(said.changed_at);
        return (Heard::Duplicate, SourceState { changed_at, ..before.clone() });
    }
    if is_newer(&said, before) { (Heard::News, said) } else { (Heard::Stale, before.clone()) }
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
