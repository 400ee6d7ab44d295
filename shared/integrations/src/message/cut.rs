//! Cuts marked-up text without cutting a character, an entity or a tag in two.

/// The smallest parts of a text that must stay whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    /// `<b>` or `</b>`.
    Tag(&'a str),
    /// `&amp;` and its like, or one character.
    Sign(&'a str),
}

/// Cuts an escaped text without tags to so many UTF-16 units as it is sent.
pub(crate) fn cut_raw(escaped: &str, limit: usize) -> String {
    cut(escaped, limit, |piece| match piece {
        Piece::Tag(text) | Piece::Sign(text) => units(text),
    })
}

/// Cuts a text to so many UTF-16 units as it is shown: tags are nothing, an entity is one.
pub(crate) fn cut_visible(markup: &str, limit: usize) -> String {
    cut(markup, limit, |piece| match piece {
        Piece::Tag(_) => 0,
        Piece::Sign(text) if text.starts_with('&') => 1,
        Piece::Sign(text) => units(text),
    })
}

fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// The longest beginning that fits, ending in `…` where something was cut; tags that are open there are closed.
fn cut(markup: &str, limit: usize, size: fn(Piece<'_>) -> usize) -> String {
    if pieces(markup).map(size).sum::<usize>() <= limit {
        return markup.to_owned();
    }
    let mut kept = String::new();
    let mut open = Vec::new();
    let mut left = limit.saturating_sub(1);
    for piece in pieces(markup) {
        let Some(rest) = left.checked_sub(size(piece)) else { break };
        left = rest;
        match piece {
            Piece::Tag(tag) if tag.starts_with("</") => {
                open.pop();
                kept.push_str(tag);
            }
            Piece::Tag(tag) => {
                open.push(tag.trim_matches(['<', '>']));
                kept.push_str(tag);
            }
            Piece::Sign(text) => kept.push_str(text),
        }
    }
    if limit > 0 {
        kept.push('…');
    }
    for name in open.into_iter().rev() {
        kept.push_str("</");
        kept.push_str(name);
        kept.push('>');
    }
    kept
}

/// Everything is escaped, so `<` begins a tag of ours and `&` an entity.
fn pieces(markup: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = markup;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = match first {
            '<' => rest.find('>').map(|end| end + 1),
            '&' => rest.find(';').map(|end| end + 1),
            _ => None,
        };
        let (piece, after) = rest.split_at(end.unwrap_or(first.len_utf8()));
        rest = after;
        Some(if first == '<' { Piece::Tag(piece) } else { Piece::Sign(piece) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_entity_goes_whole_or_not_at_all_and_tags_are_closed() {
        assert_eq!(cut_visible("<b>a &amp; b</b>!", 6), "<b>a &amp; b</b>!");
        assert_eq!(cut_visible("<b>a &amp; b</b>!", 4), "<b>a &amp;…</b>");
        assert_eq!(cut_visible("<b>a &amp; b</b>!", 3), "<b>a …</b>");
        assert_eq!(cut_visible("<b>a</b> &lt;", 2), "<b>a</b>…");
        assert_eq!(cut_raw("a &amp; b", 7), "a …");
        assert_eq!(cut_raw("a &amp; b", 8), "a &amp;…");
        assert_eq!(cut_visible("🚨🚨🚨", 5), "🚨🚨…", "an emoji is two units");
        assert_eq!(cut_visible("x", 0), "");
    }

    /// What a reader of the HTML sees, or nothing where it is broken.
    fn shown(markup: &str) -> Option<String> {
        let (mut shown, mut open) = (String::new(), 0);
        for piece in pieces(markup) {
            match piece {
                Piece::Tag("<b>") => open += 1,
                Piece::Tag("</b>") if open > 0 => open -= 1,
                Piece::Tag(_) => return None,
                Piece::Sign("&amp;") => shown.push('&'),
                Piece::Sign("&lt;") => shown.push('<'),
                Piece::Sign(text) if !text.starts_with('&') => shown.push_str(text),
                Piece::Sign(_) => return None,
            }
        }
        (open == 0).then_some(shown)
    }

    proptest! {
        #[test]
        fn what_is_left_is_sound_fits_and_is_a_beginning(title in "[&<aż🚨]{0,20}", body in "[&<aż🚨]{0,20}", limit in 1usize..60) {
            let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
            let markup = format!("<b>{}</b>{}", escape(&title), escape(&body));
            let cut = cut_visible(&markup, limit);
            let seen = shown(&cut).expect("sound markup");
            prop_assert!(units(&seen) <= limit);
            let whole = format!("{title}{body}");
            prop_assert!(seen == whole || whole.starts_with(seen.strip_suffix('…').expect("a sign that it was cut")));
            prop_assert!(seen == whole || units(&seen) + 2 >= limit, "no more is cut than must be");
        }

        #[test]
        fn a_raw_cut_fits_and_leaves_no_half_entity(text in "[&<aż🚨]{0,30}", limit in 1usize..60) {
            let cut = cut_raw(&text.replace('&', "&amp;").replace('<', "&lt;"), limit);
            prop_assert!(units(&cut) <= limit && shown(&cut).is_some());
        }
    }
}
