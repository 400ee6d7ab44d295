//! Cuts texts to what receivers take.

/// The longest beginning of a text that fits into `limit` bytes and ends at a character boundary.
pub(crate) fn fit_bytes(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

#[cfg(test)]
mod tests {
    use super::fit_bytes;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_left_fits_and_is_a_beginning(text in ".{0,40}", limit in 0usize..60) {
            let cut = fit_bytes(&text, limit);
            prop_assert!(cut.len() <= limit && text.starts_with(cut));
            prop_assert!(text.len() <= limit || cut.len() + 4 > limit);
        }
    }
}
