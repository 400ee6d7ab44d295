//! The `alerts` queue: deleting what is recorded, sending what is raised.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, SendMessageBatchRequestEntry};

/// SQS takes at most ten entries per batch call.
const ENTRIES: usize = 10;
/// SQS takes at most 1 MiB per batch call, all bodies together; what is left covers the envelope.
const BYTES: usize = 1_000_000;

/// A queue, by its URL.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    url: String,
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
        let mut failed = Vec::new();
        let mut first = 0;
        while first < bodies.len() {
            let count = fitting(&bodies[first..]);
            let entries = bodies[first..first + count].iter().enumerate().filter_map(|(n, body)| {
                SendMessageBatchRequestEntry::builder().id(n.to_string()).message_body(*body).build().ok()
            });
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
}

fn index(id: &str) -> usize {
    id.parse().unwrap_or(0)
}

/// How many of these bodies fit into one call; at least one, so that an oversized one is refused by name.
fn fitting(bodies: &[&str]) -> usize {
    let mut bytes = 0;
    let fits = bodies.iter().take(ENTRIES).take_while(|body| {
        bytes += body.len();
        bytes <= BYTES
    });
    fits.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_carries_ten_messages_and_a_million_bytes_at_most() {
        let large = "x".repeat(400_000);
        assert_eq!(fitting(&["x"; 25]), 10);
        assert_eq!(fitting(&[&large, &large, &large]), 2);
        assert_eq!(fitting(&[&"x".repeat(2_000_000), "x"]), 1);
    }
}
