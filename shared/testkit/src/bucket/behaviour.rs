//! How an operation of the fake S3 is told to misbehave, and whose turn it is.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use axum::body::Bytes;

use super::Operation;

/// What an operation does instead of answering as usual.
#[derive(Debug, Clone, Copy, Default)]
pub struct Behaviour {
    /// Answer this status, from 300 on, and do nothing else.
    pub status: Option<u16>,
    /// Close the connection.
    pub cut: Option<Cut>,
    /// Wait so long before answering. The request itself takes effect at once.
    pub delay: Option<Duration>,
    /// Change a byte.
    pub corrupt: Option<Corrupt>,
    /// Serve so many requests as usual first.
    pub after: u32,
    /// For so many requests; without it, until the next behaviour.
    pub times: Option<u32>,
}

/// When the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Before the request took effect.
    Before,
    /// After so many bytes of what is sent: it takes no effect.
    RequestAt(usize),
    /// After it took effect: the sender cannot know.
    After,
    /// After so many bytes of the answer's body.
    AnswerAt(usize),
}

/// Where a byte in the middle is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Corrupt {
    /// In what is kept of an object or a part, after its sums were found right.
    Stored,
    /// In the body of the answer, on its way; headers tell of the right one.
    Answered,
}

impl Behaviour {
    /// Answers a status from 300 on.
    pub fn answer(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// Closes the connection.
    pub fn cut(cut: Cut) -> Self {
        Self { cut: Some(cut), ..Self::default() }
    }

    /// Answers as usual, but late.
    pub fn late(delay: Duration) -> Self {
        Self { delay: Some(delay), ..Self::default() }
    }

    /// Changes a byte.
    pub fn corrupt(corrupt: Corrupt) -> Self {
        Self { corrupt: Some(corrupt), ..Self::default() }
    }

    /// Begins after so many requests.
    #[must_use]
    pub fn after(mut self, requests: u32) -> Self {
        self.after = requests;
        self
    }

    /// Lasts for so many requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }
}

/// Behaviours waiting for their turn.
#[derive(Debug, Default)]
pub(super) struct Queue(BTreeMap<Operation, VecDeque<Behaviour>>);

impl Queue {
    /// Queues a behaviour; an endless one before it ends here.
    pub(super) fn push(&mut self, operation: Operation, behaviour: Behaviour) {
        let queue = self.0.entry(operation).or_default();
        queue.retain(|queued| queued.times.is_some());
        queue.push_back(behaviour);
    }

    /// The behaviour for the next request of an operation; one is taken off its count.
    pub(super) fn take(&mut self, operation: Operation) -> Behaviour {
        let Some(queue) = self.0.get_mut(&operation) else { return Behaviour::default() };
        queue.retain(|queued| queued.times != Some(0));
        let Some(turn) = queue.front_mut() else { return Behaviour::default() };
        if turn.after > 0 {
            turn.after -= 1;
            return Behaviour::default();
        }
        turn.times = turn.times.map(|left| left - 1);
        *turn
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// The same bytes but for one in the middle.
pub(super) fn flip(bytes: &Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 0x01;
    }
    bytes.into()
}
