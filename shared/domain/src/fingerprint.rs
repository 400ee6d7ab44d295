//! The identity of an alert: what makes two signals speak of the same condition.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Identity labels of a signal, sorted by name.
pub type Labels = BTreeMap<String, String>;

/// Lower-case hexadecimal SHA-256 of the compact UTF-8 JSON array
/// `[environment, kind, subject, [[label, value], … sorted]]` over identity labels only.
///
/// Severity, source and time are not part of it: a rise in severity is the same condition, and an alarm and a check
/// that watch the same metric open one alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

/// How many advisory locks all fingerprints share (CONTRACTS, "Two round trips per batch").
const LOCK_SLOTS: u64 = 256;

impl Fingerprint {
    /// The fingerprint of a condition.
    pub fn of(environment: &str, kind: &str, subject: &str, labels: &Labels) -> Self {
        let pairs: Vec<[&str; 2]> = labels.iter().map(|(name, value)| [name.as_str(), value.as_str()]).collect();
        let mut identity = Vec::new();
        // Writing texts into memory cannot fail.
        let _ = serde_json::to_writer(&mut identity, &(environment, kind, subject, pairs));
        Self(hex(&Sha256::digest(identity)))
    }

    /// A fingerprint read back from where it was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The hexadecimal text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The advisory lock that serialises decisions about this fingerprint: its first 8 bytes modulo 256.
    pub fn lock_key(&self) -> i64 {
        let first = self.0.get(..16).and_then(|head| u64::from_str_radix(head, 16).ok()).unwrap_or(0);
        i64::try_from(first % LOCK_SLOTS).unwrap_or(0)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn is_the_hash_of_the_compact_json_of_the_contract() {
        // printf '["prod","metric","OPsPipeline/TelemetryLag",[["Table","lane_telemetry"]]]' | sha256sum
        let fingerprint =
            Fingerprint::of("prod", "metric", "OPsPipeline/TelemetryLag", &labels(&[("Table", "lane_telemetry")]));
        assert_eq!(fingerprint.as_str(), "669129776b2c3b41912915a8c15e93b1f0d1f9eff306eb87bafb7287a0eddeca");
    }

    proptest! {
        #[test]
        fn the_order_of_labels_is_irrelevant(pairs in proptest::collection::vec(("[a-z]{1,4}", ".{0,6}"), 0..6)) {
            let forwards: Labels = pairs.iter().cloned().collect::<BTreeMap<_, _>>();
            let backwards: Labels = forwards.clone().into_iter().rev().collect();
            prop_assert_eq!(Fingerprint::of("prod", "k", "s", &forwards), Fingerprint::of("prod", "k", "s", &backwards));
        }

        #[test]
        fn any_other_identity_is_another_fingerprint(a in ".{0,8}", b in ".{0,8}") {
            prop_assume!(a != b);
            let none = Labels::new();
            prop_assert_ne!(Fingerprint::of("prod", &a, &b, &none), Fingerprint::of("prod", &b, &a, &none));
            prop_assert_ne!(Fingerprint::of(&a, "k", "s", &none), Fingerprint::of(&b, "k", "s", &none));
            prop_assert_ne!(
                Fingerprint::of("prod", "k", "s", &labels(&[("l", &a)])),
                Fingerprint::of("prod", "k", "s", &labels(&[("l", &b)]))
            );
        }

        #[test]
        fn locks_stay_within_their_slots(subject in ".{0,12}") {
            let key = Fingerprint::of("prod", "k", &subject, &Labels::new()).lock_key();
            prop_assert!((0..256).contains(&key));
        }
    }
}
