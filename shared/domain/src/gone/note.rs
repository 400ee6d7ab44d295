//! The note that a message carries while it is held: who was told of it already.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::delivery::Outcome;
use crate::fingerprint::Fingerprint;
use crate::notification::Notice;

/// One try at telling one receiver, while the record was gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Which alert of the message, from 1; 0 where an earlier message was told of.
    pub n: usize,
    /// Of what.
    pub fingerprint: Fingerprint,
    /// Whom.
    pub receiver: String,
    /// What.
    pub notice: Notice,
    /// The key at the provider that this opened or closed.
    pub dedup_key: String,
    /// What came of it.
    #[serde(serialize_with = "outcome_as_word", deserialize_with = "outcome_of_word")]
    pub outcome: Outcome,
    /// The receiver's own id of what it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    /// When, by the clock of whoever told.
    pub at: Timestamp,
}

/// A note that is none of ours.
#[derive(Debug, thiserror::Error)]
#[error("the note of who was told is not a JSON list of {{n, fingerprint, receiver, notice, dedup_key, outcome, at}}")]
pub struct BadNote(#[from] serde_json::Error);

/// Reads a note back.
///
/// # Errors
/// When it is none.
pub fn read(note: &str) -> Result<Vec<Told>, BadNote> {
    Ok(serde_json::from_str(note)?)
}

/// As much of a note as fits into `room` bytes, what was taken first: who is left out is told twice rather than never. In
/// ASCII, since queues refuse some characters.
pub fn fitting(told: &[Told], room: usize) -> String {
    let mut order: Vec<&Told> = told.iter().collect();
    order.sort_by_key(|told| told.outcome != Outcome::Accepted);
    let mut note = String::from("[");
    for told in order {
        // Its fields are texts, numbers and instants: nothing that could not be written.
        let Ok(entry) = serde_json::to_string(told) else { continue };
        let entry = ascii(&entry);
        if note.len() + entry.len() + 2 > room {
            continue;
        }
        if note.len() > 1 {
            note.push(',');
        }
        note.push_str(&entry);
    }
    note.push(']');
    note
}

/// In JSON only strings hold anything beyond ASCII, and there it may be written by its UTF-16 code units.
fn ascii(json: &str) -> String {
    use std::fmt::Write;
    json.chars().fold(String::with_capacity(json.len()), |mut text, c| {
        if c.is_ascii() {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing into a String cannot fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
        text
    })
}

fn outcome_as_word<S: Serializer>(outcome: &Outcome, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(outcome.as_str())
}

fn outcome_of_word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Outcome, D::Error> {
    let word = String::deserialize(deserializer)?;
    let known = [
        Outcome::Accepted,
        Outcome::Transient,
        Outcome::RateLimited { retry_after: None },
        Outcome::Permanent,
        Outcome::Ambiguous,
    ];
    let found = known.into_iter().find(|outcome| outcome.as_str() == word);
    found.ok_or_else(|| serde::de::Error::custom(format!("unknown outcome `{word}`")))
}
