//! Queues: deleting what is recorded, sending what is raised, putting away and taking back what has to wait.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName,
    SendMessageBatchRequestEntry,
};

/// SQS takes and gives at most ten entries per call.
const ENTRIES: usize = 10;
/// SQS takes at most 1 MiB per batch call, all messages together; what is left covers the envelope.
const BYTES: usize = 1_000_000;
/// SQS takes at most 1 MiB per message, its attributes included.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const LARGEST: usize = 1_048_576;
/// The type of every attribute; SQS counts it, with name and value, as part of the message.
const TEXT: &str = "String";

/// A queue, by its URL.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    url: String,
}

/// A message to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parcel<'a> {
    /// What it says.
    pub body: &'a str,
    /// Texts by name; SQS takes no empty ones.
    pub attributes: Vec<(&'static str, String)>,
}

impl Parcel<'_> {
    /// How much of SQS's limit it takes, in bytes.
    pub fn size(&self) -> usize {
        self.body.len() + self.attributes.iter().map(|(name, value)| attribute_size(name) + value.len()).sum::<usize>()
    }
}

/// What an attribute takes of SQS's limit beside its value, in bytes.
pub const fn attribute_size(name: &str) -> usize {
    name.len() + TEXT.len()
}

/// A message that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The queue's id of it.
    pub message_id: String,
    /// What it takes to delete it.
    pub receipt_handle: String,
    /// What it says.
    pub body: String,
    /// Its text attributes.
    pub attributes: BTreeMap<String, String>,
    /// The how manieth time it was received, from 1.
    pub receives: u32,
}

impl Queue {
    /// A queue; nothing is called yet.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// Deletes messages by their receipt handles. Answers what went wrong, by index; those messages come again, which
    /// is harmless once they are recorded.
    pub async fn delete(&self, handles: &[&str]) -> Vec<(usize, String)> {
        let mut failed = Vec::new();
        for (chunk, first) in handles.chunks(ENTRIES).zip((0..).step_by(ENTRIES)) {
            let entries = chunk.iter().enumerate().filter_map(|(n, handle)| {
                DeleteMessageBatchRequestEntry::builder().id(n.to_string()).receipt_handle(*handle).build().ok()
            });
            let call = self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries.collect()));
            match call.send().await {
                Ok(answer) => failed.extend(answer.failed.iter().map(|entry| {
                    (first + index(&entry.id), format!("{}: {}", entry.code, entry.message.as_deref().unwrap_or("")))
                })),
                Err(error) => {
                    let error = DisplayErrorContext(&error).to_string();
                    failed.extend((0..chunk.len()).map(|n| (first + n, error.clone())));
                }
            }
        }
        failed
    }

    /// Sends bodies, as many per call as SQS takes. Answers what went wrong, by index.
    pub async fn send(&self, bodies: &[&str]) -> Vec<(usize, String)> {
        let parcels: Vec<Parcel<'_>> = bodies.iter().map(|body| Parcel { body, attributes: Vec::new() }).collect();
        self.send_parcels(&parcels).await
    }

    /// The same for messages with attributes.
    pub async fn send_parcels(&self, parcels: &[Parcel<'_>]) -> Vec<(usize, String)> {
        let mut failed = Vec::new();
        let mut first = 0;
        while first < parcels.len() {
            let count = fitting(&parcels[first..]);
            let entries = parcels[first..first + count].iter().enumerate().filter_map(|(n, parcel)| entry(n, parcel));
            let call = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries.collect()));
            match call.send().await {
                Ok(answer) => failed.extend(answer.failed.iter().map(|entry| {
                    (first + index(&entry.id), format!("{}: {}", entry.code, entry.message.as_deref().unwrap_or("")))
                })),
                Err(error) => {
                    let error = DisplayErrorContext(&error).to_string();
                    failed.extend((0..count).map(|n| (first + n, error.clone())));
                }
            }
            first += count;
        }
        failed
    }

    /// Takes up to ten messages that nobody else gets for a while. Does not wait for any to come.
    ///
    /// # Errors
    /// What SQS says.
    pub async fn take(&self, for_a_while: Duration) -> Result<Vec<Taken>, String> {
        let seconds = i32::try_from(for_a_while.as_secs()).unwrap_or(i32::MAX);
        let call = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(ENTRIES as i32)
            .visibility_timeout(seconds)
            .wait_time_seconds(0)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        let answer = call.send().await.map_err(|error| DisplayErrorContext(&error).to_string())?;
        Ok(answer.messages.unwrap_or_default().into_iter().filter_map(taken).collect())
    }
}

fn entry(n: usize, parcel: &Parcel<'_>) -> Option<SendMessageBatchRequestEntry> {
    let mut entry = SendMessageBatchRequestEntry::builder().id(n.to_string()).message_body(parcel.body);
    for (name, value) in &parcel.attributes {
        let value = MessageAttributeValue::builder().data_type(TEXT).string_value(value).build().ok()?;
        entry = entry.message_attributes(*name, value);
    }
    entry.build().ok()
}

/// SQS gives every message these three.
fn taken(message: Message) -> Option<Taken> {
    let system = message.attributes.unwrap_or_default();
    let receives = system.get(&MessageSystemAttributeName::ApproximateReceiveCount).and_then(|text| text.parse().ok());
    let attributes = message.message_attributes.unwrap_or_default();
    let texts = attributes.into_iter().filter_map(|(name, value)| Some((name, value.string_value?)));
    Some(Taken {
        message_id: message.message_id?,
        receipt_handle: message.receipt_handle?,
        body: message.body?,
        attributes: texts.collect(),
        receives: receives.unwrap_or(1),
    })
}

fn index(id: &str) -> usize {
    id.parse().unwrap_or(0)
}

/// How many of these messages fit into one call; at least one, so that an oversized one is refused by name.
fn fitting(parcels: &[Parcel<'_>]) -> usize {
    let mut bytes = 0;
    let fits = parcels.iter().take(ENTRIES).take_while(|parcel| {
        bytes += parcel.size();
        bytes <= BYTES
    });
    fits.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(body: &str) -> Parcel<'_> {
        Parcel { body, attributes: Vec::new() }
    }

    #[test]
    fn a_call_carries_ten_messages_and_a_million_bytes_at_most() {
        let large = "x".repeat(400_000);
        assert_eq!(fitting(&vec![parcel("x"); 25]), 10);
        assert_eq!(fitting(&[parcel(&large), parcel(&large), parcel(&large)]), 2);
        assert_eq!(fitting(&[parcel(&"x".repeat(2_000_000)), parcel("x")]), 1);
    }

    #[test]
    fn attributes_count_with_name_type_and_value() {
        let noted = Parcel { body: "body", attributes: vec![("told", "[]".to_owned())] };
        assert_eq!(noted.size(), "body".len() + "told".len() + "String".len() + "[]".len());
        let attributes = vec![("told", "x".repeat(600_000))];
        let heavy = Parcel { body: "x", attributes };
        assert_eq!(fitting(&[heavy.clone(), heavy]), 1);
    }
}
