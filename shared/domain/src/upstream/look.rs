//! What upstream showed of a cycle at one look, small enough to keep and to compare.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{KeyPattern, Object};
use crate::fingerprint::hex;

/// One look at a cycle; stored as one document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// When.
    pub at: Timestamp,
    /// Since when every look has shown these keys and sizes.
    pub since: Timestamp,
    /// At which mirror.
    pub mirror: String,
    /// How many of the wanted objects were there.
    pub objects: u64,
    /// Their bytes together.
    pub bytes: u64,
    /// A digest of their keys and sizes.
    pub sizes: String,
    /// A digest of their keys, sizes and entity tags; comparable within one mirror, since a copy may have been uploaded in
    /// other parts.
    pub tags: String,
    /// A digest of what was wanted; none of looks that were kept before it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    /// What is seen since of a cycle that was processed by this look, while upstream is writing it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Box<Self>>,
}

impl Look {
    /// What was seen of these objects, which the look before may have seen as well; `wanted` are the requirement's patterns.
    pub(super) fn of(
        wanted: &[KeyPattern],
        objects: &[&Object],
        mirror: &str,
        now: Timestamp,
        before: Option<&Self>,
    ) -> Self {
        let mut sorted = objects.to_vec();
        sorted.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        let (mut sizes, mut tags) = (Sha256::new(), Sha256::new());
        for object in &sorted {
            for digest in [&mut sizes, &mut tags] {
                digest.update((object.key.len() as u64).to_be_bytes());
                digest.update(&object.key);
                digest.update(object.bytes.to_be_bytes());
            }
            tags.update(object.etag.as_deref().unwrap_or_default());
            tags.update([0]);
        }
        let sizes = hex(&sizes.finalize());
        let since = before.filter(|before| before.sizes == sizes).map_or(now, |before| before.since.min(now));
        Self {
            at: now,
            since,
            mirror: mirror.to_owned(),
            objects: sorted.len() as u64,
            bytes: sorted.iter().map(|object| object.bytes).fold(0, u64::saturating_add),
            sizes,
            tags: hex(&tags.finalize()),
            wanted: Some(digest(wanted)),
            again: None,
        }
    }

    /// The newest of what was seen.
    pub fn newest(&self) -> &Self {
        self.again.as_deref().unwrap_or(self)
    }

    /// Whether upstream shows something else now than then. Where something else is wanted by now, nobody can tell.
    pub fn differs(&self, then: &Self) -> bool {
        let is_comparable = then.wanted.is_none() || self.wanted == then.wanted;
        is_comparable && self.shows_otherwise(then)
    }

    fn shows_otherwise(&self, then: &Self) -> bool {
        self.sizes != then.sizes || (self.mirror == then.mirror && self.tags != then.tags)
    }
}

fn digest(wanted: &[KeyPattern]) -> String {
    let mut digest = Sha256::new();
    for pattern in wanted {
        digest.update((pattern.written().len() as u64).to_be_bytes());
        digest.update(pattern.written());
    }
    hex(&digest.finalize())
}
