//! Why messages came again: each receive that did not settle one, with what its reader logged meanwhile.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Timestamp;
use serde_json::Value;
use testkit::runtime_api::Outcome;

use super::queue::{Entry, MOST_RECEIVES};

/// How many different sentences of a log are shown of one receive.
const MOST_SENTENCES: usize = 6;
/// How much of a text is shown, in characters.
const MOST_TEXT: usize = 240;

/// An invocation that left some of its messages.
#[derive(Debug)]
pub(super) struct Invoked {
    /// Whose it was.
    pub(super) worker: &'static str,
    pub(super) began: Timestamp,
    pub(super) took: Duration,
    /// How many messages it was given.
    pub(super) messages: usize,
    /// How many of those had been received before.
    pub(super) again: usize,
    /// How it ended.
    pub(super) outcome: Outcome,
    /// What was logged meanwhile, as lines of JSON.
    pub(super) log: String,
}

/// What happened to the messages of a run.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// By the place of a message in its queue, which a copy does not share: which receive, and in which invocation.
    unsettled: BTreeMap<u64, Vec<(u32, Arc<Invoked>)>>,
    settled: Receives,
}

/// How many messages took how many receives until they were settled, those that took one first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receives([usize; MOST_RECEIVES as usize]);

impl History {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A receive settled its message.
    pub(super) fn settle(&self, entry: &Entry) {
        self.state().settled.add(entry.receives);
    }

    /// A receive did not.
    pub(super) fn come_again(&self, entry: &Entry, invoked: &Arc<Invoked>) {
        let receive = (entry.receives, Arc::clone(invoked));
        self.state().unsettled.entry(entry.place()).or_default().push(receive);
    }

    /// How many messages were settled by which receive.
    pub(super) fn receives(&self) -> Receives {
        self.state().settled
    }

    /// Why each receive of a message did not settle it.
    pub(super) fn of(&self, entry: &Entry) -> String {
        let state = self.state();
        let receives = state.unsettled.get(&entry.place()).map(Vec::as_slice).unwrap_or_default();
        let said: Vec<String> = receives.iter().map(|(n, invoked)| invoked.said_of(*n, &entry.id)).collect();
        format!("{} was received {} times:\n    {}", entry.id, entry.receives, said.join("\n    "))
    }
}

impl Invoked {
    fn said_of(&self, receive: u32, id: &str) -> String {
        let Self { worker, began, took, messages, again, outcome, .. } = self;
        let how = match outcome {
            // It names messages; why, the log says.
            Outcome::Answered(_) => "left it".to_owned(),
            other => other.to_string(),
        };
        let seconds = took.as_secs_f64();
        let mut lines = vec![format!(
            "receive {receive}: {began:.3} {worker}, {messages} messages, {again} of them received before, after \
             {seconds:.1} s: {}",
            cut(&how)
        )];
        lines.extend(self.sentences(id).into_iter().map(|sentence| format!("    {sentence}")));
        lines.join("\n    ")
    }

    /// What was logged of this message, or of none in particular; each sentence once.
    fn sentences(&self, id: &str) -> Vec<String> {
        let mut sentences: Vec<String> = Vec::new();
        for line in self.log.lines() {
            let fields = match serde_json::from_str::<Value>(line) {
                Ok(said) => said["fields"].clone(),
                Err(_) => Value::String(line.to_owned()),
            };
            let word = |name: &str| fields[name].as_str().unwrap_or_default();
            let of = word("message.id");
            if of == id || (of.is_empty() && fields["receiver"].is_null()) {
                let said =
                    fields.as_str().map_or_else(|| format!("{}: {}", word("message"), word("error")), str::to_owned);
                let sentence = cut(&said).to_owned();
                if sentences.len() < MOST_SENTENCES && !sentences.contains(&sentence) {
                    sentences.push(sentence);
                }
            }
        }
        sentences
    }
}

impl Receives {
    fn add(&mut self, receives: u32) {
        let place = usize::try_from(receives).unwrap_or(usize::MAX).saturating_sub(1);
        if let Some(count) = self.0.get_mut(place) {
            *count += 1;
        }
    }
}

impl fmt::Display for Receives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> = self.0.iter().map(usize::to_string).collect();
        f.write_str(&counts.join("/"))
    }
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(MOST_TEXT).map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Instant;

    fn entry(receives: u32) -> Entry {
        let (id, handle) = ("message-1".to_owned(), format!("7/{receives}"));
        Entry { id, body: String::new(), attributes: BTreeMap::new(), receives, handle, visible_at: Instant::now() }
    }

    #[test]
    fn every_receive_says_what_its_reader_logged_of_the_message_or_of_none() {
        let line = |fields: Value| json!({"level": "ERROR", "fields": fields}).to_string();
        let log = [
            line(json!({"message": "gone", "error": "refused"})),
            line(json!({"message": "gone", "error": "refused"})),
            line(json!({"message": "left", "error": "no time", "message.id": "message-1"})),
            line(json!({"message": "left", "error": "no room", "message.id": "message-2"})),
            line(json!({"message": "told", "receiver": "mail"})),
            "no JSON".to_owned(),
        ];
        let invoked = Arc::new(Invoked {
            worker: "sound",
            began: "2026-03-01T06:00:00Z".parse().expect("an instant"),
            took: Duration::from_secs(2),
            messages: 3,
            again: 2,
            outcome: Outcome::Answered(Value::Null),
            log: log.join("\n"),
        });
        let history = History::default();
        history.come_again(&entry(4), &invoked);
        let said = history.of(&entry(5));
        let lines: Vec<&str> = said.lines().map(str::trim).collect();
        assert_eq!(
            lines,
            [
                "message-1 was received 5 times:",
                "receive 4: 2026-03-01T06:00:00.000Z sound, 3 messages, 2 of them received before, after 2.0 s: left it",
                "gone: refused",
                "left: no time",
                "no JSON",
            ]
        );
    }

    #[test]
    fn messages_are_counted_by_the_receive_that_settled_them() {
        let history = History::default();
        for receives in [1, 1, 3] {
            history.settle(&entry(receives));
        }
        assert_eq!(history.receives().to_string(), "2/0/1/0/0");
    }
}
