//! What a world has been told, and what stands in its store.

use serde_json::Value;
use tokio_postgres::SimpleQueryMessage;

use super::World;

impl World {
    /// The signals that came to the `alerts` queue since this was last asked, oldest first.
    pub(crate) async fn raised(&self) -> Vec<Value> {
        let mut signals = self.messages(&self.queue_url).await;
        signals.sort_by_key(|signal| signal["occurred_at"].as_str().map(str::to_owned));
        signals
    }

    /// A queue of this world's, by its URL.
    pub(crate) async fn queue(&self, name: &str) -> String {
        let sqs = aws_sdk_sqs::Client::new(&self.aws);
        sqs.create_queue().queue_name(name).send().await.expect("a queue").queue_url.expect("its URL")
    }

    /// Takes all messages of a queue.
    pub(crate) async fn messages(&self, queue: &str) -> Vec<Value> {
        let sqs = aws_sdk_sqs::Client::new(&self.aws);
        let mut bodies = Vec::new();
        loop {
            let asking = sqs.receive_message().queue_url(queue).max_number_of_messages(10);
            let messages = asking.send().await.expect("SQS answers").messages.unwrap_or_default();
            if messages.is_empty() {
                return bodies;
            }
            for message in messages {
                let handle = message.receipt_handle.expect("a handle");
                sqs.delete_message().queue_url(queue).receipt_handle(handle).send().await.expect("deleted");
                bodies.push(serde_json::from_str(&message.body.expect("a body")).expect("JSON"));
            }
        }
    }

    /// The first column of what the store answers, as text.
    pub(crate) async fn stored(&self, sql: &str) -> Vec<String> {
        let connection = store::Connection::open(&self.store_url.as_str().into(), None).await.expect("a connection");
        let answer = connection.client.simple_query(sql).await.expect(sql);
        let first = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("-").to_owned()),
            _ => None,
        };
        answer.iter().filter_map(first).collect()
    }

    /// Each run, as `2026112006 complete 1`: cycle, status, attempts.
    pub(crate) async fn runs(&self) -> Vec<String> {
        let sql = "select to_char(run_timestamp at time zone 'UTC', 'YYYYMMDDHH24 ') || status || ' ' || attempts
                   from watchkeeper.forecast_runs order by run_timestamp, source";
        self.stored(sql).await
    }

    /// How each run stands, by one of its columns.
    pub(crate) async fn column(&self, name: &str) -> Vec<String> {
        let sql = format!("select {name}::text from watchkeeper.forecast_runs order by run_timestamp, source");
        self.stored(&sql).await
    }
}
