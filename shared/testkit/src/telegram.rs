//! A fake Telegram: takes `sendMessage` as the Bot API does and refuses what it refuses, in its words.
//!
//! Rules from <https://core.telegram.org/bots/api#sendmessage> and <https://core.telegram.org/bots/api#html-style>.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Value, json};

/// "1-4096 characters after entities parsing", in UTF-16 units.
const LONGEST_TEXT: usize = 4_096;
/// Tags of the HTML style that carry no attributes.
const TAGS: [&str; 8] = ["b", "strong", "i", "em", "u", "s", "code", "pre"];

/// What the sender of the `n`-th request is answered, at a path below `/telegram`.
pub(crate) fn send_message(path: &str, message: &Value, n: u64) -> (StatusCode, Value) {
    let method = path.trim_start_matches("/telegram").strip_prefix("/bot").and_then(|rest| rest.split_once('/'));
    if !method.is_some_and(|(token, method)| token.contains(':') && method == "sendMessage") {
        return refused(404, "Not Found", None);
    }
    let chat = &message["chat_id"];
    let text = message["text"].as_str().unwrap_or_default();
    let shown = if message["parse_mode"] == "HTML" { parse(text) } else { Some(text.to_owned()) };
    match shown {
        _ if chat.as_str().is_none_or(str::is_empty) && !chat.is_i64() => {
            refused(400, "Bad Request: chat_id is empty", None)
        }
        None => refused(400, "Bad Request: can't parse entities", None),
        Some(shown) if shown.trim().is_empty() => refused(400, "Bad Request: message text is empty", None),
        Some(shown) if shown.encode_utf16().count() > LONGEST_TEXT => {
            refused(400, "Bad Request: message is too long", None)
        }
        Some(shown) => {
            let result = json!({"message_id": n, "chat": {"id": chat}, "text": shown});
            (StatusCode::OK, json!({"ok": true, "result": result}))
        }
    }
}

/// What Telegram says with a status; how long to wait stands in the body.
pub(crate) fn answer_of(status: u16, headers: &BTreeMap<String, String>) -> Value {
    let wait = headers.get("retry-after").and_then(|text| text.parse::<u32>().ok());
    let words = match status {
        400 => "Bad Request: chat not found",
        401 => "Unauthorized",
        403 => "Forbidden: bot was blocked by the user",
        404 => "Not Found",
        429 => "Too Many Requests: retry later",
        _ => "told to refuse",
    };
    refused(status, words, wait).1
}

fn refused(status: u16, description: &str, retry_after: Option<u32>) -> (StatusCode, Value) {
    let mut answer = json!({"ok": false, "error_code": status, "description": description});
    if let Some(seconds) = retry_after {
        answer["parameters"] = json!({"retry_after": seconds});
    }
    (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), answer)
}

/// The text that a chat shows for this HTML; `None` where Telegram cannot parse it.
fn parse(html: &str) -> Option<String> {
    let (mut shown, mut open, mut rest) = (String::new(), Vec::new(), html);
    while let Some(at) = rest.find(['<', '&', '>']) {
        shown.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('&') {
            let (entity, after) = rest.split_once(';')?;
            shown.push(match entity {
                "&amp" => '&',
                "&lt" => '<',
                "&gt" => '>',
                "&quot" => '"',
                _ => return None,
            });
            rest = after;
            continue;
        }
        let (tag, after) = rest.strip_prefix('<')?.split_once('>')?;
        match tag.strip_prefix('/') {
            Some(name) if open.pop() != Some(name) => return None,
            Some(_) => {}
            None if TAGS.contains(&tag) => open.push(tag),
            None => return None,
        }
        rest = after;
    }
    shown.push_str(rest);
    open.is_empty().then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_sound_html_is_taken() {
        assert_eq!(parse("<b>a &amp; b</b> &lt;c&gt;").as_deref(), Some("a & b <c>"));
        for broken in ["a & b", "a < b", "a > b", "<b>a", "a</b>", "<b>a</i>", "&am", "<x>a</x>", "&nbsp;"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }
}
