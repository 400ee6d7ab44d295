//! What follows from sending a trigger, whose intent is on record already.

use jiff::{SignedDuration, Timestamp};

use super::reconcile::{Next, ends_at};
use super::{Run, Source, retry};

/// How sending ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It was accepted.
    Accepted {
        /// The provider's id of the job.
        external_id: String,
    },
    /// It was surely not accepted, and may be later: no connection, 429, 503 before the request was read.
    Refused {
        /// When the provider wants to be asked again.
        retry_after: Option<SignedDuration>,
        /// What it said.
        why: String,
    },
    /// It was not accepted, and will not be until a person changes something: 400, 401, 403, 404.
    Banned {
        /// What it said.
        why: String,
    },
    /// Nobody knows: cut, no answer in time, 5xx.
    Unknown {
        /// What happened.
        why: String,
    },
}

/// What to do with a run whose trigger was sent. What may have been accepted is never sent again before `max_runtime` has
/// passed without a sign of it.
pub fn after_sending(source: &Source, run: &Run, sent: &Sent, now: Timestamp) -> Next {
    match sent {
        Sent::Accepted { external_id } => Next::Accepted { external_id: external_id.clone() },
        Sent::Unknown { .. } => Next::Wait { until: ends_at(source, run) },
        Sent::Refused { retry_after, why } => match retry::after_refusal(source, run, *retry_after, now) {
            Some(at) => Next::Later { at, why: why.clone(), rearmed: run.rearmed },
            None => Next::GiveUp { why: format!("the trigger refused it {} times: {why}", retry::MOST_REFUSALS) },
        },
        Sent::Banned { why } => match retry::after_ban(source, run, now) {
            Some(at) => Next::Later { at, why: why.clone(), rearmed: true },
            None => Next::GiveUp { why: format!("the trigger refuses it: {why}") },
        },
    }
}
