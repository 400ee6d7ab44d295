//! Makes JSON of what other languages take for JSON, so that a number or half a character costs no message.
//!
//! Python writes `NaN` and `Infinity`, JavaScript half of a surrogate pair, a shell script a line's end inside a text;
//! and serde_json refuses numbers beyond a double and nesting beyond 128. Each becomes the nearest thing that is JSON.

use serde_json::Value;

/// How deep a value may nest; what is deeper becomes a text of itself.
const DEEPEST: usize = 100;

/// The same JSON as far as it was JSON.
pub(super) fn repaired(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + text.len() / 8);
    let (mut rest, mut depth) = (text, 0_usize);
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '"' => string(rest, &mut json),
            '[' | '{' if depth == DEEPEST => {
                let deeper = nested(rest);
                json.push_str(&Value::from(deeper).to_string());
                deeper.len()
            }
            c if is_of_token(c) => token(rest, &mut json),
            c => {
                match c {
                    '[' | '{' => depth += 1,
                    ']' | '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                json.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    json
}

fn is_of_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.')
}

/// Writes a number or a bare word; answers its length.
fn token(text: &str, json: &mut String) -> usize {
    let token = &text[..text.find(|c| !is_of_token(c)).unwrap_or(text.len())];
    let is_number = token.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    let beyond = is_number && token.parse::<f64>().is_ok_and(|number| !number.is_finite());
    json.push_str(if beyond || matches!(token, "NaN" | "Infinity") { "null" } else { token });
    token.len()
}

/// Writes a text with its quotes; answers its length as it stood.
fn string(text: &str, json: &mut String) -> usize {
    json.push('"');
    let mut rest = &text[1..];
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '"' => {
                json.push('"');
                return text.len() - rest.len() + 1;
            }
            '\\' => escape(rest, json),
            c if u32::from(c) < 0x20 => {
                json.push_str(&format!("\\u{:04x}", u32::from(c)));
                1
            }
            c => {
                json.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    text.len()
}

/// Writes an escape, or a backslash that is none; answers how much of the text that was.
fn escape(text: &str, json: &mut String) -> usize {
    let taken = match (text.as_bytes().get(1), unit(text)) {
        (Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'), _) => 2,
        (_, Some(0xd800..=0xdbff)) if matches!(text.get(6..).and_then(unit), Some(0xdc00..=0xdfff)) => 12,
        (_, Some(0xd800..=0xdfff)) => {
            json.push_str("\\ufffd");
            return 6;
        }
        (_, Some(_)) => 6,
        (_, None) => {
            json.push_str("\\\\");
            return 1;
        }
    };
    json.push_str(&text[..taken]);
    taken
}

/// The UTF-16 unit of an escape such as `\u00e4`.
fn unit(escape: &str) -> Option<u32> {
    let digits = escape.strip_prefix("\\u")?.get(..4).filter(|digits| digits.bytes().all(|c| c.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

/// The array or object that a text begins with, to its own end.
fn nested(text: &str) -> &str {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return &text[..=at];
                }
            }
            _ => {}
        }
    }
    text
}
