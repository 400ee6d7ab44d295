//! The synthetic tick: sends a signal to our own queue, which walks the whole way and ends at the receiver that tells
//! nobody. What arrives there is counted ([`crate::metrics`]), and an alarm misses it.

use domain::decide::SYNTHETIC;
use domain::{Severity, Timestamp};
use jiff::{RoundMode, TimestampRound, Unit};
use runtime::{Fault, Kind};
use serde_json::{Value, json};

use super::Turn;

/// Sends the signal of this minute.
///
/// # Errors
/// When the queue does not take it.
pub(super) async fn run(turn: &mut Turn<'_>) -> Result<(), Fault> {
    if turn.dry_run {
        return Ok(());
    }
    let signal = signal(turn.now, &turn.app.policy.environment).to_string();
    match turn.app.queue.send(&[&signal]).await.first() {
        None => {
            turn.summary.did("signals_sent", 1);
            Ok(())
        }
        Some((_, why)) => Err(Fault::new(Kind::Failed, format!("the synthetic alert could not be sent: {why}"))),
    }
}

/// An event of its own each minute, so that none is the repeat of another and each ends by itself. A schedule that fires
/// twice sends one signal.
fn signal(now: Timestamp, environment: &str) -> Value {
    let minute = now.round(TimestampRound::new().smallest(Unit::Minute).mode(RoundMode::Trunc)).unwrap_or(now);
    json!({
        "id": minute.to_string(),
        "source": SYNTHETIC,
        "kind": SYNTHETIC,
        "subject": "alert-router",
        "environment": environment,
        "status": "event",
        "severity": Severity::Low.as_str(),
        "summary": "Sent by alert-router to itself, to see whether alerts arrive",
        "labels": {"minute": minute.to_string()},
        "occurred_at": now.to_string(),
    })
}
