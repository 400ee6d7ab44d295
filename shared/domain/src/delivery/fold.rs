//! A storm that is told in one request: what the worst notice says of the others that go with it.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::fingerprint::hex;
use crate::notification::truncate;
use crate::severity::Severity;

/// How many of the others are named; more would be a wall of text on a phone.
const NAMED: usize = 15;
/// Longest name, in characters.
const LONGEST_NAME: usize = 80;

/// The line about `count` other notices of the same sort, the worst of them in `first` by severity and subject.
pub fn note_of_others(count: usize, first: &[(Severity, String)]) -> String {
    let named: Vec<String> = first
        .iter()
        .take(NAMED)
        .map(|(severity, subject)| format!("[{severity}] {}", truncate(subject, LONGEST_NAME)))
        .collect();
    let rest = if count > named.len() { ", …" } else { "" };
    format!("and {count} more: {}{rest}", named.join(", "))
}

/// The key of a request in which the notice of `key` is told with `others`: whoever merges by key must not take it for a
/// request with other company.
pub fn key_of_fold(key: &str, others: &[Uuid]) -> String {
    let mut others = others.to_vec();
    others.sort_unstable();
    let bytes: Vec<u8> = others.into_iter().flat_map(Uuid::into_bytes).collect();
    let digest = hex(&Sha256::digest(&bytes));
    format!("{key}+{}", digest.get(..16).unwrap_or(&digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_company_has_the_same_key_in_any_order_and_other_company_another() {
        let [a, b, c] = [1, 2, 3].map(Uuid::from_u128);
        assert_eq!(key_of_fold("k", &[a, b]), key_of_fold("k", &[b, a]));
        assert_ne!(key_of_fold("k", &[a, b]), key_of_fold("k", &[a, b, c]));
        assert_ne!(key_of_fold("k", &[a, b]), key_of_fold("other", &[a, b]));
    }

    #[test]
    fn a_few_are_named_and_a_storm_is_counted() {
        let some = |count| (0..count).map(|n| (Severity::Medium, format!("disk-{n}"))).collect::<Vec<_>>();
        assert_eq!(note_of_others(2, &some(2)), "and 2 more: [MEDIUM] disk-0, [MEDIUM] disk-1");
        let note = note_of_others(9_999, &some(20));
        assert!(
            note.starts_with("and 9999 more: [MEDIUM] disk-0, ") && note.ends_with("[MEDIUM] disk-14, …"),
            "{note}"
        );
    }

    #[test]
    fn the_line_stays_short_whatever_subjects_there_are() {
        let long = vec![(Severity::High, "ż".repeat(5_000)); 20];
        assert!(note_of_others(20, &long).chars().count() < 2_000);
    }
}
