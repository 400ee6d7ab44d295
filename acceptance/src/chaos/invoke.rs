//! Gives routers what is on the queue, as the event source mapping does, and ticks, as the schedule does; kills them
//! meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testkit::runtime_api::{Outcome, Sandbox};

use super::dice::Dice;
use super::history::Invoked;
use super::queue::{Entry, Queue};
use super::weather;
use super::world::World;

/// Longer than any invocation.
const VISIBILITY: Duration = Duration::from_secs(60);

/// What happened to processes.
#[derive(Debug, Default)]
pub(super) struct Toll {
    /// Ended in the middle of an invocation, by whatever.
    pub(super) kills: AtomicUsize,
    /// Invocations.
    pub(super) invocations: AtomicUsize,
}

/// A router that is given messages.
pub(super) struct Worker<'w> {
    pub(super) name: &'static str,
    pub(super) world: &'w World,
    pub(super) sandbox: Sandbox,
    /// How much of the sandbox's log belongs to invocations that are over, in bytes.
    pub(super) logged: usize,
    /// Whether it is killed at random: such a one gets no message that was received twice already, so that no sound one
    /// becomes a dead letter by our doing.
    pub(super) doomed: bool,
    pub(super) dice: Dice,
}

impl Worker<'_> {
    /// Works until the queue is empty.
    pub(super) async fn work(&mut self, toll: &Toll) -> Result<()> {
        let cloud = &self.world.aws.cloud;
        while cloud.alerts.len() > 0 {
            let most = if self.dice.permille(300) { self.dice.between(1, 5) } else { self.dice.between(20, 100) };
            let before = if self.doomed { 1 } else { u32::MAX };
            let batch = cloud.alerts.receive(most, VISIBILITY, before, &mut self.dice);
            if batch.is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            let kill_after = if self.doomed { weather::kill_after(&mut self.dice) } else { None };
            let records: Vec<Value> = batch.iter().map(record).collect();
            let (began, started) = (super::now(), Instant::now());
            let outcome = invoke(&self.sandbox, &json!({"Records": records}), kill_after, toll).await?;
            let again = batch.iter().filter(|entry| entry.receives > 1).count();
            let (worker, took, messages, log) = (self.name, started.elapsed(), batch.len(), self.new_log());
            self.settle(&cloud.alerts, &batch, Invoked { worker, began, took, messages, again, outcome, log });
        }
        Ok(())
    }

    /// What the answer does not name is deleted; the rest comes again.
    fn settle(&mut self, queue: &Queue, batch: &[Entry], invoked: Invoked) {
        let failed = match &invoked.outcome {
            Outcome::Answered(answer) => answer["batchItemFailures"].as_array().cloned(),
            _ => None,
        };
        let (history, invoked) = (&self.world.history, Arc::new(invoked));
        for entry in batch {
            let is_named = |failed: &Vec<Value>| failed.iter().any(|one| one["itemIdentifier"] == json!(entry.id));
            match &failed {
                Some(failed) if !is_named(failed) => {
                    queue.delete(&entry.handle);
                    history.settle(entry);
                }
                _ if queue.give_back(&entry.handle, self.dice.millis(0, 400)) => history.come_again(entry, &invoked),
                // Its reader had deleted it already.
                _ => history.settle(entry),
            }
        }
    }

    /// What was logged since the last invocation.
    fn new_log(&mut self) -> String {
        let log = self.sandbox.output();
        let before = std::mem::replace(&mut self.logged, log.len());
        log.get(before..).unwrap_or_default().to_owned()
    }
}

/// Ticks now and then. Ends by being dropped.
pub(super) async fn tick_now_and_then(sandbox: &Sandbox, toll: &Toll, mut dice: Dice) -> Result<()> {
    loop {
        tokio::time::sleep(dice.millis(300, 1_200)).await;
        let tick = if dice.permille(100) { "digest" } else { "retry" };
        invoke(sandbox, &json!({ "tick": tick }), weather::kill_after(&mut dice), toll).await?;
    }
}

/// A tick at `now` that has to succeed.
pub(super) async fn tick(sandbox: &Sandbox, tick: &str, now: &str) -> Result<Value> {
    let outcome = sandbox.invoke(&json!({"tick": tick, "now": now})).await?;
    outcome.answered().with_context(|| format!("a {tick} tick; the router said:\n{}", tail(&sandbox.output())))
}

async fn invoke(sandbox: &Sandbox, event: &Value, kill_after: Option<Duration>, toll: &Toll) -> Result<Outcome> {
    toll.invocations.fetch_add(1, Ordering::Relaxed);
    let invoking = sandbox.invoke(event);
    tokio::pin!(invoking);
    let outcome = match kill_after {
        None => invoking.await?,
        Some(after) => tokio::select! {
            outcome = &mut invoking => outcome?,
            () = tokio::time::sleep(after) => {
                sandbox.kill().await;
                invoking.await?
            }
        },
    };
    if matches!(outcome, Outcome::Died { .. } | Outcome::TimedOut) {
        toll.kills.fetch_add(1, Ordering::Relaxed);
    }
    Ok(outcome)
}

fn record(entry: &Entry) -> Value {
    json!({
        "messageId": entry.id, "receiptHandle": entry.handle, "body": entry.body,
        "attributes": {
            "ApproximateReceiveCount": entry.receives.to_string(), "SenderId": "AIDATEST:session",
            "SentTimestamp": "1795334400000",
        },
        "eventSource": "aws:sqs", "awsRegion": "eu-central-1",
    })
}

/// The end of a log.
pub(super) fn tail(log: &str) -> &str {
    let from = log.char_indices().rev().nth(3_000).map_or(0, |(at, _)| at);
    &log[from..]
}
