//! The token that a dry run of a hard delete prints, and without which nothing is deleted.
//!
//! It is no secret, it keeps hands from slipping: it holds for one hard delete as it is configured, for one key, for the rows
//! that were counted, and for an hour. Whoever reads a dry run's counts and repeats its token means exactly that.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::hard_delete::HardDelete;
use crate::fingerprint::hex;

/// How long a token holds after its dry run.
pub const CONFIRMATION_LASTS: SignedDuration = SignedDuration::from_hours(1);
/// Characters of its hash.
const HASH: usize = 16;

/// Why a token confirms nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unconfirmed {
    /// It is none.
    #[error("`confirm` is no token: expected the `confirm` of a dry run's answer, as in `1764000000-0123456789abcdef`")]
    Malformed,
    /// It was made too long ago, or after `now`.
    #[error("`confirm` is of {at}, and holds for an hour: run it dry again, and repeat the new token")]
    Expired {
        /// When it was made.
        at: Timestamp,
    },
    /// Something else would be deleted than was counted.
    #[error(
        "`confirm` is of another key, other tables or other counts: rows came or went since the dry run, or it was for another \
         one; run it dry again, read the counts, and repeat the new token"
    )]
    Different,
}

/// The token that a dry run at `at` prints: its second and a hash of what, whom and how many rows of each table in order.
pub fn confirmation(hard_delete: &HardDelete, id: &str, counts: &[(String, u64)], at: Timestamp) -> String {
    let emptied: Vec<[String; 2]> =
        hard_delete.tables.iter().map(|one| [one.table.quoted(), one.key.clone()]).collect();
    let keep: Vec<String> = hard_delete.keep.iter().map(super::Table::quoted).collect();
    let what = (&hard_delete.name, &hard_delete.database, &hard_delete.key, emptied, keep, hard_delete.record.quoted());
    let mut bound = Vec::new();
    // Writing texts and numbers into memory cannot fail.
    let _ = serde_json::to_writer(&mut bound, &(what, id, counts, at.as_second()));
    let mut hash = hex(&Sha256::digest(bound));
    hash.truncate(HASH);
    format!("{}-{hash}", at.as_second())
}

/// Whether a token is of a dry run that found the same, within the hour before `now`.
///
/// # Errors
/// With why it is not, and what to do.
pub fn confirms(
    token: &str,
    hard_delete: &HardDelete,
    id: &str,
    counts: &[(String, u64)],
    now: Timestamp,
) -> Result<(), Unconfirmed> {
    let (second, _) = token.trim().split_once('-').ok_or(Unconfirmed::Malformed)?;
    let second = second.parse().map_err(|_| Unconfirmed::Malformed)?;
    let at = Timestamp::from_second(second).map_err(|_| Unconfirmed::Malformed)?;
    if !(SignedDuration::ZERO..=CONFIRMATION_LASTS).contains(&now.duration_since(at)) {
        return Err(Unconfirmed::Expired { at });
    }
    if confirmation(hard_delete, id, counts, at) == token.trim() { Ok(()) } else { Err(Unconfirmed::Different) }
}
