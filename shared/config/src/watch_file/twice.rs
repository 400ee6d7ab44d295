//! What is said of a text that is no TOML. A table that is written twice is one mistake, not one for each of its keys.

use toml::de::Error;

use super::problem::Problems;

/// What toml says of a key, or a table, that is there already.
const TWICE: &str = "duplicate key";
const EXPECTED_ONCE: &str = "is written twice: expected it once";

/// Notes what is wrong.
pub(super) fn note(problems: &Problems<'_>, text: &str, broken: &[Error]) {
    let headers = headers(text);
    let mut told: Vec<&str> = Vec::new();
    for error in broken {
        let span = error.span().unwrap_or_default();
        if error.message() != TWICE {
            problems.note(span.start, "", format!("is not TOML: {}", error.message()));
            continue;
        }
        let key = text.get(span.clone()).unwrap_or_default();
        let Some(header) = headers.iter().rfind(|header| header.begin <= span.start) else {
            problems.note(span.start, key, EXPECTED_ONCE);
            continue;
        };
        if told.iter().any(|table| header.is_of(table)) {
            continue;
        }
        if span.start < header.end {
            let first = headers.iter().find(|other| other.name == header.name && other.begin < header.begin);
            let first = first.map(|first| format!(", first in line {}", first.line)).unwrap_or_default();
            let what = format!("is written twice{first}: expected another name, or all of it in one place");
            problems.note(span.start, header.name, what);
            told.push(header.name);
        } else {
            problems.note(span.start, &format!("{}.{key}", header.name), EXPECTED_ONCE);
        }
    }
}

/// A line that begins a table.
struct Header<'t> {
    name: &'t str,
    /// Counts from 1.
    line: usize,
    begin: usize,
    end: usize,
}

impl Header<'_> {
    /// Whether it begins this table, or one inside.
    fn is_of(&self, table: &str) -> bool {
        self.name.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

fn headers(text: &str) -> Vec<Header<'_>> {
    let mut headers = Vec::new();
    let mut begin = 0;
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        let end = begin + line.len();
        let opened = line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']'));
        // A line of a list goes on after its bracket.
        let closed = |rest: &str| matches!(rest.trim_start_matches(']').trim_start().as_bytes(), [] | [b'#', ..]);
        if let Some((name, _)) = opened.filter(|(_, rest)| closed(rest)) {
            headers.push(Header { name: name.trim_start_matches('[').trim(), line: number, begin, end });
        }
        begin = end;
    }
    headers
}
