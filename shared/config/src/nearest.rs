//! Finds what somebody probably meant to write.

/// The candidate most like `word`, if one is like it at all; capitals and small letters are alike.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    /// Above this, two words have more in common than their letters (`abvoe` and `above` score 0.94).
    const ALIKE: f64 = 0.8;
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let keys = ["above", "below", "name", "severity", "unit"];
        for (slip, meant) in [("abvoe", "above"), ("severty", "severity"), ("units", "unit"), ("belwo", "below")] {
            assert_eq!(nearest(slip, keys), Some(meant), "{slip}");
        }
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("sum", ["SampleCount", "Sum"]), Some("Sum"));
    }
}
