//! How long RunPod lets a job exist.

use domain::duration;
use jiff::SignedDuration;
use serde::Serialize;

/// The `policy` of a job, in milliseconds. Without one RunPod ends a job after ten minutes and forgets it after a day.
/// <https://docs.runpod.io/serverless/endpoints/send-requests#execution-policies>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// How long it may run once a worker has it.
    execution_timeout: i64,
    /// How long it may exist from when it was accepted. Then RunPod deletes it, even if it runs.
    ttl: i64,
}

/// A limit that RunPod does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} of the RunPod trigger is {given}: expected from {least} to 7 days, which is what RunPod takes; change \
     `max_runtime` of the source"
)]
pub struct BadPolicy {
    what: &'static str,
    given: String,
    least: &'static str,
}

/// "Must be > 5000 ms": the next second.
const SHORTEST_EXECUTION: SignedDuration = SignedDuration::from_secs(6);
/// "Must be ≥ 10000 ms, max 1 week."
const SHORTEST_TTL: SignedDuration = SignedDuration::from_secs(10);
/// The same for both; that of `executionTimeout` stands in
/// <https://docs.runpod.io/serverless/endpoints/endpoint-configurations>.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Policy {
    /// The policy of a job that may run so long, and exist so long.
    ///
    /// # Errors
    /// When RunPod takes no such limits.
    pub fn new(execution_limit: SignedDuration, ttl: SignedDuration) -> Result<Self, BadPolicy> {
        let bad = |what, given: SignedDuration, least| Err(BadPolicy { what, given: duration::display(given), least });
        if !(SHORTEST_EXECUTION..=LONGEST).contains(&execution_limit) {
            return bad("the execution limit", execution_limit, "6 seconds");
        }
        if !(SHORTEST_TTL..=LONGEST).contains(&ttl) {
            return bad("the time to live", ttl, "10 seconds");
        }
        let millis = |length: SignedDuration| i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        Ok(Self { execution_timeout: millis(execution_limit), ttl: millis(ttl) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_runpod_refuses_are_named_before_it_does() {
        let policy = |execution, ttl| Policy::new(SignedDuration::from_secs(execution), SignedDuration::from_secs(ttl));
        let week = 7 * 24 * 3_600;
        for good in [(6, 10), (week, week), (9_000, 9_000)] {
            assert!(policy(good.0, good.1).is_ok(), "{good:?}");
        }
        for (bad, what) in [
            ((5, 60), "execution limit"),
            ((-1, 60), "execution limit"),
            ((week + 1, week), "execution limit"),
            ((60, 9), "time to live"),
            ((60, week + 1), "time to live"),
        ] {
            let said = policy(bad.0, bad.1).err().map(|err| err.to_string()).unwrap_or_default();
            assert!(said.contains(what) && said.contains("7 days") && said.contains("max_runtime"), "{bad:?}: {said}");
        }
    }
}
