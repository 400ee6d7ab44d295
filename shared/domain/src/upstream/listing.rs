//! Whether a cycle is complete upstream, by one listing and the look before.

use std::collections::{HashMap, HashSet};
use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::look::Look;
use super::pattern::{KeyPattern, Wanted};
use crate::duration;

/// An object that a mirror lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its key, or the path below an HTTP source's address.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// When it was last written, by the mirror's clock.
    pub last_modified: Option<Timestamp>,
    /// Its entity tag.
    pub etag: Option<String>,
}

/// When a cycle is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Every key that these name must be there, and one key like each that is not spelled out.
    pub keys: Vec<KeyPattern>,
    /// At least so many objects; for patterns with `*`, which name no number.
    pub at_least: u64,
    /// Each of them at least so large.
    pub min_bytes: u64,
    /// When sizes count as settled.
    pub settle: Settle,
    /// So long after its nominal time a cycle was published long ago: what has no date, or one that is still to come, counts
    /// as settled with [`Settle::Still`].
    pub past: SignedDuration,
}

impl Requirement {
    /// How many keys its patterns name; what they are only like does not count.
    pub fn named(&self) -> u64 {
        let wanted = self.keys.iter().flat_map(|pattern| pattern.wanted(Timestamp::UNIX_EPOCH));
        let keys: HashSet<String> = wanted
            .filter_map(|wanted| match wanted {
                Wanted::Key(key) => Some(key),
                Wanted::Like(_) => None,
            })
            .collect();
        keys.len() as u64
    }
}

/// When sizes count as settled: a file may be listed while it is still written, or be written again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settle {
    /// At once.
    AtOnce,
    /// When nothing was modified for so long by the mirror's own dates; else as [`Settle::TwoLooks`]. For stores in which
    /// an object appears whole, as S3.
    Still(SignedDuration),
    /// When two looks so long apart have shown the same keys and sizes.
    TwoLooks(SignedDuration),
}

impl Settle {
    /// For how long.
    pub fn length(self) -> SignedDuration {
        match self {
            Self::AtOnce => SignedDuration::ZERO,
            Self::Still(length) | Self::TwoLooks(length) => length,
        }
    }
}

/// What a listing says of a cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of it is there and settled.
    Complete(Look),
    /// Some of it is there, or all of it and not settled.
    Growing(Growing),
    /// Nothing of it is there.
    Absent {
        /// How many objects are wanted.
        wanted: u64,
    },
}

/// A cycle that is not complete yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growing {
    /// How many objects are wanted.
    pub wanted: u64,
    /// How many of them are missing.
    pub missing: u64,
    /// The first key that is missing, or what it is like.
    pub first_missing: Option<String>,
    /// How many of them are smaller than they may be.
    pub too_small: u64,
    /// The first of those.
    pub first_too_small: Option<String>,
    /// What was seen, for the next look.
    pub look: Look,
}

impl Growing {
    /// Whether everything is there, and only may still change.
    pub fn is_settling(&self) -> bool {
        self.missing == 0 && self.too_small == 0
    }
}

impl fmt::Display for Growing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, missing, too_small, look, .. } = self;
        match (&self.first_missing, &self.first_too_small) {
            (Some(first), _) => write!(f, "{missing} of {wanted} files are missing, the first {first}"),
            (None, Some(first)) => write!(f, "{too_small} of {wanted} files are too small, the first {first}"),
            (None, None) => {
                let still = duration::display(look.at.duration_since(look.since));
                write!(f, "all {wanted} files are there, unchanged for {still}: sizes are not settled yet")
            }
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete(look) => write!(f, "complete at {} with {} files", look.mirror, look.objects),
            Self::Growing(growing) => growing.fmt(f),
            Self::Absent { wanted } => write!(f, "none of {wanted} files is there"),
        }
    }
}

/// What a mirror's listing says of the cycle of a nominal time. Objects that nobody asked for, and a key's repetitions, are
/// passed over.
pub fn judge(
    requirement: &Requirement,
    at: Timestamp,
    objects: &[Object],
    mirror: &str,
    before: Option<&Look>,
    now: Timestamp,
) -> Verdict {
    let by_key: HashMap<&str, &Object> = objects.iter().map(|object| (object.key.as_str(), object)).collect();
    let mut found: HashMap<&str, &Object> = HashMap::new();
    let (mut wanted, mut missing, mut first_missing) = (0_u64, 0_u64, None);
    for want in requirement.keys.iter().flat_map(|pattern| pattern.wanted(at)) {
        wanted += 1;
        let there = match &want {
            Wanted::Key(key) => {
                by_key.get(key.as_str()).map(|object| found.insert(object.key.as_str(), object)).is_some()
            }
            Wanted::Like(_) => {
                let like: Vec<&Object> =
                    by_key.values().copied().filter(|one| want.matches(&one.key).is_some()).collect();
                found.extend(like.iter().map(|object| (object.key.as_str(), *object)));
                !like.is_empty()
            }
        };
        if !there {
            missing += 1;
            first_missing.get_or_insert_with(|| words(&want));
        }
    }
    if found.is_empty() {
        return Verdict::Absent { wanted: wanted.max(requirement.at_least) };
    }
    // What is too few is missing, even where nothing says which.
    let few = requirement.at_least.saturating_sub(found.len() as u64);
    if few > missing {
        missing = few;
        first_missing.get_or_insert_with(|| format!("after {} that are there", found.len()));
    }
    let mut objects: Vec<&Object> = found.into_values().collect();
    objects.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    let look = Look::of(&requirement.keys, &objects, mirror, now, before);
    let small: Vec<&&Object> = objects.iter().filter(|object| object.bytes < requirement.min_bytes).collect();
    if missing == 0 && small.is_empty() && settled(requirement, at, &look, &objects, now) {
        return Verdict::Complete(look);
    }
    Verdict::Growing(Growing {
        wanted: wanted.max(requirement.at_least),
        missing,
        first_missing,
        too_small: small.len() as u64,
        first_too_small: small.first().map(|object| format!("{} of {} bytes", object.key, object.bytes)),
        look,
    })
}

fn settled(requirement: &Requirement, at: Timestamp, look: &Look, objects: &[&Object], now: Timestamp) -> bool {
    let seen_for = now.duration_since(look.since);
    match requirement.settle {
        Settle::AtOnce => true,
        Settle::TwoLooks(apart) => look.since < now && seen_for >= apart,
        Settle::Still(still) => {
            let past = now.duration_since(at) >= requirement.past;
            let old = |object: &&Object| match object.last_modified {
                Some(modified) if modified <= now => now.duration_since(modified) >= still,
                Some(_) | None => past,
            };
            objects.iter().all(old) || (look.since < now && seen_for >= still)
        }
    }
}

fn words(wanted: &Wanted) -> String {
    use super::pattern::Piece;
    match wanted {
        Wanted::Key(key) => key.clone(),
        Wanted::Like(pieces) => pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Any => "*",
                Piece::Time(format) => format.as_str(),
            })
            .collect(),
    }
}
