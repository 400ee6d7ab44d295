//! What was found becomes a reading: what is dated in the future is no evidence, and says so.

use std::error::Error;

use aws_sdk_cloudwatch::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use domain::Timestamp;
use domain::heartbeat::{AHEAD, Beat, Reading};

use super::Readings;

/// What our own database is needed for, and is not to be had.
pub(super) const NO_STORE: &str = "Watchkeeper's own database is out of reach";

/// These signs were found; `newest` says what the newest of them is, as in `newest row`.
pub(super) fn seen(mut beats: Vec<Beat>, note: Option<String>, newest: &str, now: Timestamp) -> Reading {
    let latest = now.saturating_add(AHEAD).unwrap_or(now);
    let ahead = beats.iter().map(|beat| beat.at).filter(|at| *at > latest).max();
    let ahead = ahead.map(|at| format!("its {newest} is dated {at}, in the future, and does not count"));
    beats.retain(|beat| beat.at <= latest);
    let notes: Vec<String> = note.into_iter().chain(ahead).collect();
    Reading::Seen { beats, note: (!notes.is_empty()).then(|| notes.join("; ")) }
}

/// None of these could be read, all for one reason.
pub(super) fn unknown<'w>(names: impl IntoIterator<Item = &'w str>, why: &str) -> Readings<'w> {
    names.into_iter().map(|name| (name, Reading::Unknown { why: why.to_owned() })).collect()
}

/// What AWS said about a call that failed.
pub(super) fn said<E>(err: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match (err.code(), err.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => DisplayErrorContext(err).to_string(),
    }
}
