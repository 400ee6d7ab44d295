//! What is told and noted while the record is out of reach: decided from the watch file alone.
//!
//! CONTRACTS, "Postgres gone", is what it implements: CRITICAL and HIGH go out at once, each message waits with a note of
//! who was told, and once the record is back the note keeps anybody from being told twice.

mod memory;
mod note;
mod telling;
mod told;

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

pub use memory::{Memory, Remembered};
pub use note::{BadNote, Told, fitting, read};
pub use telling::{Telling, break_glass, tellings};
pub use told::{Decided, Marked, SKEW, mark};

/// Ids for the signals of a message, the same whenever it is read: the alert that people are told of while the record is
/// gone is called so on record, too.
pub fn ids(message_id: &str) -> impl FnMut() -> Uuid {
    let mut n = 0_u32;
    move || {
        n += 1;
        let digest = Sha256::digest(format!("{message_id}#{n}"));
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Builder::from_custom_bytes(bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests;
