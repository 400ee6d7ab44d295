//! How an integration is told to misbehave, and whose turn it is.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Deserialize;

/// What an integration does instead of answering as usual; also the body of `POST /behave`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// `pagerduty`, `webhook`, `slack` or `telegram`; of the fake RunPod `run`, `status` or `cancel`.
    pub integration: String,
    /// Answer this status. Below 300 the request is still accepted; from 300 on it does nothing.
    pub status: Option<u16>,
    /// Headers of that answer, such as `retry-after`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Wait so long before answering. The request itself takes effect at once.
    pub delay_ms: Option<u64>,
    /// Close the connection instead of answering.
    pub cut: Option<Cut>,
    /// For so many requests; without it, until the next behaviour.
    pub times: Option<u32>,
}

/// When the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cut {
    /// Before the request took effect.
    Before,
    /// After it did: the sender cannot know.
    After,
}

impl Behaviour {
    /// Answers `status`.
    pub fn answer(integration: &str, status: u16) -> Self {
        Self { integration: integration.to_owned(), status: Some(status), ..Self::default() }
    }

    /// Closes the connection without an answer.
    pub fn cut(integration: &str, cut: Cut) -> Self {
        Self { integration: integration.to_owned(), cut: Some(cut), ..Self::default() }
    }

    /// Answers as usual, but late.
    pub fn late(integration: &str, delay: Duration) -> Self {
        Self { integration: integration.to_owned(), ..Self::default() }.delay(delay)
    }

    /// Waits before answering.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay_ms = Some(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Lasts for so many requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }
}

/// Behaviours waiting for their turn, for all integrations together.
#[derive(Debug, Default)]
pub(crate) struct Queue(VecDeque<Behaviour>);

impl Queue {
    /// Queues a behaviour; an endless one before it ends here.
    pub(crate) fn push(&mut self, behaviour: Behaviour) {
        self.0.retain(|queued| queued.integration != behaviour.integration || queued.times.is_some());
        self.0.push_back(behaviour);
    }

    /// Takes the behaviour for the next request of an integration, and one off its count.
    pub(crate) fn take(&mut self, integration: &str) -> Option<Behaviour> {
        self.0.retain(|queued| queued.times != Some(0));
        let turn = self.0.iter_mut().find(|queued| queued.integration == integration)?;
        turn.times = turn.times.map(|left| left - 1);
        Some(turn.clone())
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
