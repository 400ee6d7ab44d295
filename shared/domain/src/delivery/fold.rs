//! A storm that is told in one request: what the worst notice says of the others that go with it.

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

#[cfg(test)]
mod tests {
    use super::*;

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
