//! Which bytes of an object `Range` asks for.

use std::ops::Range;

use super::refusal::Refusal;

/// The bytes of one range, `bytes=2-5`, `bytes=2-` or `bytes=-5`; none where there is no such range, since S3 then answers
/// with everything. <https://www.rfc-editor.org/rfc/rfc9110#name-byte-ranges>
pub(super) fn of(header: &str, size: usize) -> Option<Result<Range<usize>, Refusal>> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (first, last) {
        ("", last) => size.saturating_sub(last.parse().ok()?)..size,
        (first, "") => first.parse().ok()?..size,
        (first, last) => first.parse().ok()?..last.parse::<usize>().ok()?.saturating_add(1).min(size),
    };
    if range.is_empty() || range.start >= size {
        return Some(Err(Refusal::new(416, "InvalidRange", "The requested range is not satisfiable")));
    }
    Some(Ok(range))
}
