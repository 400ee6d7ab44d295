//! The fake Slack and Telegram take what the real ones take, and say no in their words.

use serde_json::json;
use testkit::receivers::{Behaviour, Receivers};

use crate::plain_http::{header, status};
use crate::receivers::send;

const SLACK: &str = "/slack/T0/B0/x";
const TELEGRAM: &str = "/telegram/bot1:a/sendMessage";

#[tokio::test]
async fn slack_takes_a_text_and_sections_of_the_right_size() -> anyhow::Result<()> {
    let receivers = Receivers::start().await?;
    let section = |text: &str| {
        let block = json!({"type": "section", "text": {"type": "mrkdwn", "text": text}});
        json!({"text": "x", "attachments": [{"blocks": [block]}]}).to_string()
    };
    for (body, said) in [
        (json!({"text": "x"}).to_string(), "ok"),
        (section(&"ż".repeat(3_000)), "ok"),
        (section(&"ż".repeat(3_001)), "invalid_blocks"),
        (section(""), "invalid_blocks"),
        (json!({"text": "x".repeat(40_001)}).to_string(), "msg_too_long"),
        (json!({}).to_string(), "no_text"),
        ("text=x".to_owned(), "invalid_payload"),
    ] {
        let answer = send(&receivers, "POST", SLACK, &body).await?;
        assert_eq!(status(&answer), Some(if said == "ok" { 200 } else { 400 }), "{answer}");
        assert!(answer.ends_with(said), "{answer}");
    }
    receivers.behave(Behaviour::answer("slack", 404));
    assert!(send(&receivers, "POST", SLACK, &section("x")).await?.ends_with("no_service"));
    Ok(())
}

#[tokio::test]
async fn telegram_takes_sound_html_of_the_right_length_for_a_chat() -> anyhow::Result<()> {
    let receivers = Receivers::start().await?;
    let message = |text: &str| json!({"chat_id": "-1", "text": text, "parse_mode": "HTML"}).to_string();
    for (path, body, code, said) in [
        (TELEGRAM, message(&format!("<b>{}</b>", "&amp;".repeat(4_096))), 200, "message_id"),
        (TELEGRAM, message(&"&amp;".repeat(4_097)), 400, "message is too long"),
        (TELEGRAM, message(&"🚨".repeat(2_049)), 400, "message is too long"),
        (TELEGRAM, message("a < b"), 400, "can't parse entities"),
        (TELEGRAM, message(" "), 400, "message text is empty"),
        (TELEGRAM, json!({"text": "x"}).to_string(), 400, "chat_id is empty"),
        ("/telegram/botx/sendMessage", message("x"), 404, "Not Found"),
    ] {
        let answer = send(&receivers, "POST", path, &body).await?;
        assert_eq!(status(&answer), Some(code), "{answer}");
        assert!(answer.contains(said), "{answer}");
    }
    Ok(())
}

#[tokio::test]
async fn telegram_says_in_its_answer_how_long_to_wait() -> anyhow::Result<()> {
    let receivers = Receivers::start().await?;
    receivers.behave(Behaviour::answer("telegram", 429).header("retry-after", "7"));
    let answer = send(&receivers, "POST", TELEGRAM, "{}").await?;
    assert_eq!(status(&answer), Some(429));
    assert!(answer.contains(r#""retry_after":7"#), "{answer}");
    assert_eq!(header(&answer, "retry-after"), Some("7"));
    Ok(())
}
