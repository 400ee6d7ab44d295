//! What is asked of whoever processes a cycle.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The names in a job's message that are ours. A configured `input` should have none of them: it would be overwritten.
pub const OURS: [&str; 4] = ["run_id", "attempt", "source", "run_timestamp"];

/// One attempt at processing one cycle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Job<'a> {
    /// The run.
    pub run_id: Uuid,
    /// The how manieth attempt, from 1. A worker claims (`run_id`, `attempt`) before it begins, so that of two jobs for one
    /// attempt one exits at once.
    pub attempt: u32,
    /// The source's name.
    pub source: &'a str,
    /// The cycle's nominal time.
    pub run_timestamp: Timestamp,
    /// What the watch file adds for the worker.
    pub input: &'a Map<String, Value>,
    /// Where the cycle's objects are: bucket, prefix, keys, as the caller found them.
    pub objects: &'a Map<String, Value>,
    /// How long it may run, from when a worker has it. Ours to choose where the provider enforces it (RunPod).
    pub execution_limit: SignedDuration,
    /// How long it may exist, from when it was accepted: waiting and running together. A job that could begin after this
    /// would meet its own next attempt.
    pub ttl: SignedDuration,
}

impl Job<'_> {
    /// What the worker reads. Of two values by one name ours comes first, then what is known of the objects, then what is
    /// configured.
    pub fn message(&self) -> Map<String, Value> {
        let ours = [json!(self.run_id), json!(self.attempt), json!(self.source), json!(self.run_timestamp.to_string())];
        let mut message = self.input.clone();
        message.extend(self.objects.clone());
        message.extend(OURS.map(str::to_owned).into_iter().zip(ours));
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_cannot_be_overwritten() {
        let object = |value: Value| value.as_object().cloned().unwrap_or_default();
        let input = object(json!({"model": "medium", "bucket": "wrong", "run_id": "wrong", "attempt": 7}));
        let objects = object(json!({"bucket": "noaa-gfs-bdp-pds", "prefix": "gfs.20261122/06/", "source": "wrong"}));
        let job = Job {
            run_id: Uuid::nil(),
            attempt: 2,
            source: "gfs",
            run_timestamp: "2026-11-22T06:00:00Z".parse().expect("an instant"),
            input: &input,
            objects: &objects,
            execution_limit: SignedDuration::from_mins(150),
            ttl: SignedDuration::from_mins(150),
        };
        let expected = json!({
            "model": "medium",
            "bucket": "noaa-gfs-bdp-pds",
            "prefix": "gfs.20261122/06/",
            "run_id": "00000000-0000-0000-0000-000000000000",
            "attempt": 2,
            "source": "gfs",
            "run_timestamp": "2026-11-22T06:00:00Z",
        });
        assert_eq!(Value::Object(job.message()), expected);
    }
}
