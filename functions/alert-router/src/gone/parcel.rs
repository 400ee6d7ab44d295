//! A message on its way to the queue where it waits, and back: the body unchanged, beside it what the queue said of it and
//! who was told.

use domain::gone::{Told, fitting, read};
use domain::ingest::Message;
use runtime::queue::{LARGEST, Parcel, Taken, attribute_size};

use crate::payload::Received;

const MESSAGE_ID: &str = "message_id";
const SENDER: &str = "sender";
const SENT_AT: &str = "sent_at";
const TOLD: &str = "told";

/// A message with its note, as much of it as SQS takes; without one, where nobody can know who was told.
pub(super) fn wrap<'m>(message: &'m Message, told: Option<&[Told]>) -> Parcel<'m> {
    let mut parcel = Parcel { body: &message.body, attributes: Vec::new() };
    let mut add = |name, value: String| {
        // SQS refuses empty attributes, and a caller by hand may leave these out.
        if !value.is_empty() {
            parcel.attributes.push((name, value));
        }
    };
    add(MESSAGE_ID, message.message_id.clone());
    add(SENDER, message.sender_id.clone().unwrap_or_default());
    add(SENT_AT, message.sent_at.to_string());
    if let Some(told) = told {
        let room = LARGEST.saturating_sub(parcel.size() + attribute_size(TOLD));
        parcel.attributes.push((TOLD, fitting(told, room)));
    }
    parcel
}

/// The message as it was first received, under its own id.
pub(super) fn unwrap(taken: Taken) -> Received {
    let Taken { message_id, receipt_handle, body, mut attributes, receives } = taken;
    let told = attributes.remove(TOLD).and_then(|note| {
        let unreadable = |error| {
            let error = format!("{:#}", anyhow::Error::new(error));
            // Told twice rather than never.
            tracing::warn!(message.id = message_id, error, "A held message says in no known way who was told");
        };
        read(&note).map_err(unreadable).ok()
    });
    let sent_at = attributes.remove(SENT_AT).and_then(|text| text.parse().ok());
    Received {
        message: Message {
            message_id: attributes.remove(MESSAGE_ID).unwrap_or(message_id),
            sender_id: attributes.remove(SENDER),
            sent_at: sent_at.unwrap_or(domain::Timestamp::UNIX_EPOCH),
            body,
        },
        receipt_handle,
        receives,
        told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::delivery::Outcome;
    use domain::{Fingerprint, Notice};

    fn message(body: &str) -> Message {
        Message {
            message_id: "m-1".to_owned(),
            sender_id: Some("AIDA:session".to_owned()),
            sent_at: "2026-03-01T06:00:00.123Z".parse().expect("an instant"),
            body: body.to_owned(),
        }
    }

    fn told(n: usize) -> Told {
        Told {
            n,
            fingerprint: Fingerprint::from_stored("f".repeat(64)),
            receiver: "on-call-zażółć".to_owned(),
            notice: Notice::Firing,
            dedup_key: format!("{}:CRITICAL", "f".repeat(64)),
            outcome: Outcome::Accepted,
            provider_id: None,
            at: "2026-03-01T06:00:01Z".parse().expect("an instant"),
        }
    }

    fn back(parcel: Parcel<'_>) -> Received {
        unwrap(Taken {
            message_id: "another".to_owned(),
            receipt_handle: "handle".to_owned(),
            body: parcel.body.to_owned(),
            attributes: parcel.attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            receives: 1,
        })
    }

    #[test]
    fn a_message_comes_back_as_it_was_with_its_note() {
        let sent = message("{\"odd\": \"\u{7f}żółć\"}");
        let note = [told(1), told(2)];
        let parcel = wrap(&sent, Some(&note));
        let names: Vec<&str> = parcel.attributes.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["message_id", "sender", "sent_at", "told"], "and no others");
        let received = back(parcel);
        assert_eq!((received.message, received.told), (sent, Some(note.to_vec())));
    }

    #[test]
    fn the_largest_message_keeps_as_much_of_its_note_as_sqs_takes() {
        let sent = message(&"x".repeat(786_432));
        let note: Vec<Told> = (1..=5_000).map(told).collect();
        let parcel = wrap(&sent, Some(&note));
        assert!(parcel.size() <= LARGEST && parcel.size() > LARGEST - 1_000, "{}", parcel.size());
        let kept = back(parcel).told.expect("a note");
        assert!(kept.len() > 500 && kept.len() < note.len(), "{}", kept.len());
        assert_eq!(kept, note[..kept.len()]);
    }

    #[test]
    fn a_message_that_nobody_read_has_no_note_and_is_a_suspect() {
        let sent = message("{}");
        let received = back(wrap(&sent, None));
        assert_eq!((received.is_suspect(), received.message, received.told), (true, sent, None));
    }

    #[test]
    fn a_note_that_nobody_can_read_costs_no_message() {
        let mut parcel = Parcel { body: "{}", attributes: vec![(TOLD, "nonsense".to_owned())] };
        assert_eq!(back(parcel.clone()).told, None);
        parcel.attributes.clear();
        assert_eq!(back(parcel).message.message_id, "another", "one that somebody put there by hand");
    }
}
