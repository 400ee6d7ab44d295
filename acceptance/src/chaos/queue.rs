//! A queue that does what SQS promises and no more: what is not deleted comes again, some messages come twice, order is a
//! coincidence, and what was received five times goes to the dead letters.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::dice::Dice;

/// The template's `maxReceiveCount`.
pub(super) const MOST_RECEIVES: u32 = 5;
/// Among how many messages at the front a receive chooses.
const FRONT: usize = 300;

/// A queue of this process.
#[derive(Debug)]
pub(super) struct Queue(Mutex<State>);

#[derive(Debug)]
struct State {
    waiting: BTreeMap<u64, Entry>,
    last: u64,
    dead: Vec<Entry>,
    /// `None`: whatever is received comes again until it is deleted.
    most_receives: Option<u32>,
    /// How many of a thousand receives leave a copy behind that comes once more.
    twice: usize,
}

/// A message in the queue.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) body: String,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) receives: u32,
    /// What it takes to delete it, until it is received again.
    pub(super) handle: String,
    pub(super) visible_at: Instant,
}

impl Entry {
    /// Its place in the queue, which a copy does not share.
    pub(super) fn place(&self) -> u64 {
        place_of(&self.handle)
    }
}

impl Queue {
    /// One with dead letters, as the template makes it.
    pub(super) fn with_dead_letters() -> Self {
        Self::new(Some(MOST_RECEIVES))
    }

    /// One without.
    pub(super) fn without_dead_letters() -> Self {
        Self::new(None)
    }

    fn new(most_receives: Option<u32>) -> Self {
        Self(Mutex::new(State { waiting: BTreeMap::new(), last: 0, dead: Vec::new(), most_receives, twice: 10 }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn send(&self, id: Option<String>, body: String, attributes: BTreeMap<String, String>) -> String {
        let mut state = self.state();
        state.last += 1;
        let place = state.last;
        let id = id.unwrap_or_else(|| format!("sent-{place}"));
        let (visible_at, handle) = (Instant::now(), String::new());
        state.waiting.insert(place, Entry { id: id.clone(), body, attributes, receives: 0, handle, visible_at });
        id
    }

    /// Takes up to `most` messages, which nobody else gets for a while; only those received `before` so often at most.
    pub(super) fn receive(&self, most: usize, for_a_while: Duration, before: u32, dice: &mut Dice) -> Vec<Entry> {
        let mut state = self.state();
        let now = Instant::now();
        let limit = state.most_receives.unwrap_or(u32::MAX);
        let exhausted: Vec<u64> = state
            .waiting
            .iter()
            .filter(|(_, entry)| entry.receives >= limit && entry.visible_at <= now)
            .map(|(n, _)| *n)
            .collect();
        for place in exhausted {
            let dead = state.waiting.remove(&place);
            state.dead.extend(dead);
        }
        let visible = state.waiting.iter().filter(|(_, entry)| entry.visible_at <= now && entry.receives <= before);
        let mut front: Vec<u64> = visible.map(|(n, _)| *n).take(FRONT).collect();
        let mut taken = Vec::new();
        while taken.len() < most && !front.is_empty() {
            let place = front.swap_remove(dice.below(front.len()));
            let twice = dice.permille(state.twice);
            let Some(entry) = state.waiting.get_mut(&place) else { continue };
            let before = entry.clone();
            entry.receives += 1;
            entry.handle = format!("{place}/{}", entry.receives);
            entry.visible_at = now + for_a_while;
            taken.push(entry.clone());
            if twice {
                state.last += 1;
                let copy = state.last;
                state.waiting.insert(copy, before);
            }
        }
        taken
    }

    /// Deletes a message, if it was not received again since.
    pub(super) fn delete(&self, handle: &str) {
        let mut state = self.state();
        let place = place_of(handle);
        if state.waiting.get(&place).is_some_and(|entry| entry.handle == handle) {
            state.waiting.remove(&place);
        }
    }

    /// Lets a message come again in a while, as when the time has passed for which it was taken. False: it was deleted.
    pub(super) fn give_back(&self, handle: &str, in_a_while: Duration) -> bool {
        let mut state = self.state();
        let found = state.waiting.get_mut(&place_of(handle)).filter(|entry| entry.handle == handle);
        found.map(|entry| entry.visible_at = Instant::now() + in_a_while).is_some()
    }

    /// Whatever was taken by somebody who is dead by now comes again.
    pub(super) fn let_time_pass(&self) {
        let mut state = self.state();
        state.twice = 0;
        let now = Instant::now();
        state.waiting.values_mut().for_each(|entry| entry.visible_at = now);
    }

    pub(super) fn len(&self) -> usize {
        self.state().waiting.len()
    }

    /// What waits, in flight or not.
    pub(super) fn waiting(&self) -> Vec<Entry> {
        self.state().waiting.values().cloned().collect()
    }

    pub(super) fn dead(&self) -> Vec<Entry> {
        self.state().dead.clone()
    }
}

fn place_of(handle: &str) -> u64 {
    handle.split('/').next().and_then(|place| place.parse().ok()).unwrap_or_default()
}
