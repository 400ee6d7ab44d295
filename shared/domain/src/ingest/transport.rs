//! The wrapping a message comes in: an SNS envelope, an EventBridge event, one in the other, or nothing.

use jiff::Timestamp;
use serde_json::Value;

use super::Message;
use super::fields::{Json, instant, list, text};
use super::repair::repaired;

/// A message out of its wrapping.
pub(super) struct Unwrapped {
    /// The sender's id of the message: SNS MessageId, else EventBridge's id, else the queue's.
    pub(super) message_id: String,
    /// Who sent it: `topic:NAME`, `events:SOURCE` or `principal:ID`.
    pub(super) sender: String,
    /// When the wrapping says that it was sent, else when the queue took it.
    pub(super) sent_at: Timestamp,
    /// What was sent; of an event, the whole.
    pub(super) text: String,
    /// The same, where it is a JSON object; of an event, its detail.
    pub(super) json: Option<Json>,
    /// What EventBridge says about the detail.
    pub(super) event: Option<Event>,
}

/// An EventBridge event without its detail.
#[derive(Default)]
pub(super) struct Event {
    pub(super) source: String,
    pub(super) detail_type: String,
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    pub(super) resource: Option<String>,
}

/// Takes a message out of its wrapping.
pub(super) fn unwrap(message: &Message) -> Unwrapped {
    let raw = |json| Unwrapped {
        message_id: message.message_id.clone(),
        sender: principal(message),
        sent_at: message.sent_at,
        text: message.body.clone(),
        json,
        event: None,
    };
    let body = object(&message.body);
    let mut unwrapped =
        body.as_ref().and_then(|envelope| sns_envelope(envelope, message.sent_at)).unwrap_or_else(|| raw(body));
    unwrap_event(&mut unwrapped);
    unwrapped
}

/// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>
fn sns_envelope(envelope: &Json, queued_at: Timestamp) -> Option<Unwrapped> {
    // A queue in another account is asked to confirm its subscription: a message of its own, which people should see.
    const TYPES: [&str; 3] = ["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"];
    text(envelope, "Type").filter(|word| TYPES.contains(word))?;
    let topic_arn = text(envelope, "TopicArn")?;
    let sent = envelope.get("Message").and_then(Value::as_str)?;
    Some(Unwrapped {
        message_id: text(envelope, "MessageId")?.to_owned(),
        sender: format!("topic:{}", topic_arn.rsplit(':').next().unwrap_or(topic_arn)),
        sent_at: instant(envelope, "Timestamp").unwrap_or(queued_at),
        text: sent.to_owned(),
        json: object(sent),
        event: None,
    })
}

/// <https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html>. The outermost wrapping names the
/// sender and the message.
fn unwrap_event(unwrapped: &mut Unwrapped) {
    let Some(event) = &mut unwrapped.json else { return };
    let (Some(source), Some(detail_type)) = (text(event, "source"), text(event, "detail-type")) else { return };
    let word = |name| text(event, name).map(str::to_owned);
    let about = Event {
        source: source.to_owned(),
        detail_type: detail_type.to_owned(),
        account: word("account"),
        region: word("region"),
        resource: list(event, "resources").first().and_then(Value::as_str).map(str::to_owned),
    };
    let (id, sent_at) = (word("id"), instant(event, "time"));
    if !unwrapped.sender.starts_with("topic:") {
        unwrapped.sender = format!("events:{}", about.source);
        unwrapped.message_id = id.unwrap_or_else(|| unwrapped.message_id.clone());
    }
    unwrapped.sent_at = sent_at.unwrap_or(unwrapped.sent_at);
    if let Some(Value::Object(detail)) = event.remove("detail") {
        *event = detail;
    }
    unwrapped.event = Some(about);
}

/// `SenderId` is the role's id, a colon and the session's name; the session changes with every sandbox.
fn principal(message: &Message) -> String {
    let id = message.sender_id.as_deref().and_then(|id| id.split(':').next()).unwrap_or("unknown");
    format!("principal:{id}")
}

/// A byte order mark, which some editors and shells put first, is no reason not to read what follows.
fn object(text: &str) -> Option<Json> {
    let text = text.trim_start_matches('\u{feff}');
    let mends = || text.trim_start().starts_with('{').then(|| serde_json::from_str(&repaired(text)).ok()).flatten();
    serde_json::from_str(text).ok().or_else(mends)
}

/// Who sent a message: `topic:NAME` for an SNS envelope, `events:SOURCE` for an EventBridge event, else `principal:` and
/// its SenderId up to the colon.
pub fn sender(message: &Message) -> String {
    unwrap(message).sender
}
