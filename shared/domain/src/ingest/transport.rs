//! The wrapping a message comes in: an SNS envelope, or nothing.

use serde_json::{Map, Value};

use super::Message;

/// A message out of its wrapping.
pub(super) struct Unwrapped {
    /// The sender's id of the message: SNS MessageId, else the queue's.
    pub(super) message_id: String,
    /// Who sent it: `topic:NAME` or `principal:ID`.
    pub(super) sender: String,
    /// What was sent.
    pub(super) text: String,
    /// The same, where it is a JSON object.
    pub(super) json: Option<Map<String, Value>>,
}

/// Takes a message out of its SNS envelope, if it is in one.
pub(super) fn unwrap(message: &Message) -> Unwrapped {
    let body = object(&message.body);
    body.as_ref().and_then(sns_envelope).unwrap_or_else(|| Unwrapped {
        message_id: message.message_id.clone(),
        sender: principal(message),
        text: message.body.clone(),
        json: body,
    })
}

fn sns_envelope(envelope: &Map<String, Value>) -> Option<Unwrapped> {
    let field = |name| envelope.get(name).and_then(Value::as_str);
    if field("Type") != Some("Notification") {
        return None;
    }
    let (topic_arn, text) = (field("TopicArn")?, field("Message")?);
    Some(Unwrapped {
        message_id: field("MessageId")?.to_owned(),
        sender: format!("topic:{}", topic_arn.rsplit(':').next().unwrap_or(topic_arn)),
        text: text.to_owned(),
        json: object(text),
    })
}

/// `SenderId` is the role's id, a colon and the session's name; the session changes with every sandbox.
fn principal(message: &Message) -> String {
    let id = message.sender_id.as_deref().and_then(|id| id.split(':').next()).unwrap_or("unknown");
    format!("principal:{id}")
}

fn object(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

/// Who sent a message: `topic:NAME` for an SNS envelope, else `principal:` and its SenderId up to the colon.
pub fn sender(message: &Message) -> String {
    unwrap(message).sender
}
