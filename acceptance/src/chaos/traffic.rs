//! What senders say: conditions that come and go at several sources, events, repeats, bodies that nobody can read; late,
//! out of order, and dated by clocks that are wrong.

use domain::{Severity, Timestamp};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::dice::Dice;
use super::model::Model;

/// Kills whatever process reads it.
pub(super) const DEADLY: &str = "kills-its-reader";
/// Makes its reader panic.
pub(super) const PANICKING: &str = "panics-its-reader";
/// How many messages of either sort there are.
const POISONED: usize = 2;
/// How many signals there are of one condition, on average.
const PER_CONDITION: usize = 40;
/// How far a message may be from its place, in messages.
const DISORDER: usize = 150;

/// A message on its way into the queue.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// The queue's id of it.
    pub(super) id: String,
    pub(super) body: String,
}

/// Whether nobody can read a body without harm. Such a message ends among the dead letters, or is held where nobody reads it
/// often.
pub(super) fn is_poisonous(body: &str) -> bool {
    [DEADLY, PANICKING].into_iter().any(|what| body.contains(what))
}

/// Everything that is said, and what follows from it.
pub(super) struct Traffic {
    /// In the order in which the queue takes them.
    pub(super) messages: Vec<Message>,
    pub(super) model: Model,
    /// The last of them, which come when the storm is over.
    pub(super) last: Vec<Message>,
    /// How many messages nobody can read without harm.
    pub(super) poisonous: usize,
}

struct Condition {
    subject: String,
    sources: Vec<String>,
    sort: Sort,
    /// What the next signal is dated.
    clock: Timestamp,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Native,
    Alarm,
    Event,
}

/// Signals of an hour that ended at `now`.
pub(super) fn of(signals: usize, now: Timestamp, dice: &mut Dice) -> Traffic {
    let mut writer = Writer { messages: Vec::new(), model: Model::default(), written: 0 };
    let mut conditions: Vec<Condition> =
        (0..(signals / PER_CONDITION).max(8)).map(|n| condition(n, now, dice)).collect();
    while writer.written < signals {
        let n = dice.below(conditions.len());
        writer.say(&mut conditions[n], dice);
    }
    // A clock of the next century: the last word of its source.
    for condition in conditions.iter_mut().filter(|condition| condition.sort == Sort::Native) {
        if dice.permille(100) {
            condition.clock = "2126-01-01T00:00:00Z".parse().unwrap_or(Timestamp::MAX);
            writer.say_by(condition, 0, dice);
        }
    }
    let mut placed: Vec<(usize, Message)> =
        writer.messages.into_iter().enumerate().map(|(n, message)| (n + dice.below(DISORDER), message)).collect();
    placed.sort_by_key(|(place, _)| *place);
    let mut messages: Vec<Message> = placed.into_iter().map(|(_, message)| message).collect();
    // While Postgres is gone nobody can note who kills its reader, and one that does may take others along to the dead
    // letters; so those come in calm weather.
    let mut last = messages.split_off(messages.len() - messages.len() / 50);
    poison(&mut messages, PANICKING, dice);
    poison(&mut last, DEADLY, dice);
    Traffic { messages, last, model: writer.model, poisonous: 2 * POISONED }
}

fn condition(n: usize, now: Timestamp, dice: &mut Dice) -> Condition {
    let sort = *dice.pick(&[Sort::Native, Sort::Native, Sort::Native, Sort::Alarm, Sort::Alarm, Sort::Event]);
    let sources = match sort {
        Sort::Alarm => vec![format!("arn:aws:cloudwatch:eu-central-1:123456789012:alarm:queue-{n}")],
        Sort::Native | Sort::Event => (0..dice.between(1, 3)).map(|m| format!("source-{n}-{m}")).collect(),
    };
    let clock = now - SignedDuration::from_mins(90);
    Condition {
        subject: if sort == Sort::Alarm { format!("AWS/SQS/Depth{n}") } else { format!("disk-{n}") },
        sources,
        sort,
        clock,
    }
}

struct Writer {
    messages: Vec<Message>,
    model: Model,
    written: usize,
}

impl Writer {
    fn say(&mut self, condition: &mut Condition, dice: &mut Dice) {
        if dice.permille(8) {
            return self.babble(dice);
        }
        // Sometimes two at the same instant.
        if !dice.permille(50) {
            condition.clock += SignedDuration::from_secs(i64::try_from(dice.between(1, 90)).unwrap_or(1));
        }
        let source = dice.below(condition.sources.len());
        self.say_by(condition, source, dice);
    }

    fn say_by(&mut self, condition: &Condition, source: usize, dice: &mut Dice) {
        let severity =
            *dice.pick(&[Severity::Critical, Severity::High, Severity::High, Severity::Medium, Severity::Low]);
        let fires = dice.permille(600);
        let (subject, source, at) = (&condition.subject, &condition.sources[source], condition.clock);
        match condition.sort {
            Sort::Event => self.model.happen(subject, severity),
            Sort::Native | Sort::Alarm => self.model.hear(subject, source, at, fires.then_some(severity)),
        }
        self.written += 1;
        let n = self.written;
        if condition.sort == Sort::Alarm {
            self.model.keys.insert(format!("sns-{n}"));
            return self.put(alarm(n, subject, source, at, severity, fires), dice);
        }
        let status = if condition.sort == Sort::Event { "event" } else { ["resolved", "firing"][usize::from(fires)] };
        let mut signal = json!({
            "source": source, "kind": "drill", "subject": subject, "status": status, "severity": severity.as_str(),
            "summary": format!("{subject} is {status}: żółć \u{1f525}"), "occurred_at": at.to_string(),
        });
        if dice.permille(500) {
            // Without an id of its own a signal has that of its message.
            self.model.keys.insert(message_id(self.messages.len()));
            return self.put(signal, &mut Dice::new(0));
        }
        signal["id"] = json!(n);
        self.model.keys.insert(format!("{source}/{n}"));
        self.put(signal, dice);
    }

    /// Puts a message on the queue; a sender that is not sure sends it once more.
    fn put(&mut self, signal: Value, dice: &mut Dice) {
        let knows_itself = signal.get("id").is_some() || signal.get("MessageId").is_some();
        for _ in 0..if knows_itself && dice.permille(50) { 2 } else { 1 } {
            let id = message_id(self.messages.len());
            self.messages.push(Message { id, body: signal.to_string() });
        }
    }

    /// A body of no known shape, which has to be on record all the same.
    fn babble(&mut self, dice: &mut Dice) {
        let body = *dice.pick(&[
            "",
            " ",
            "null",
            "[]",
            "{}",
            "not json at all",
            "{\"kind\": \"drill\", \"subject\":",
            "\u{0}\u{1}\u{7f}",
            "{\"kind\": \"drill\", \"subject\": \"disk\", \"status\": \"firing\"}",
            "{\"source\": \"a\", \"kind\": \"drill\", \"subject\": \"disk\", \"status\": \"perhaps\"}",
            "{\"Type\": \"Notification\", \"Message\": \"{\"}",
            "critical: żółć \u{1f525} NaN",
        ]);
        self.written += 1;
        let id = message_id(self.messages.len());
        self.model.keys.insert(id.clone());
        self.messages.push(Message { id, body: body.to_owned() });
    }
}

/// Puts some that do harm among messages.
fn poison(messages: &mut Vec<Message>, what: &str, dice: &mut Dice) {
    for n in 0..POISONED {
        let message = Message { id: format!("poison-{what}-{n}"), body: json!({"what": what, "n": n}).to_string() };
        messages.insert(dice.below(messages.len()), message);
    }
}

fn message_id(n: usize) -> String {
    format!("message-{n}")
}

/// An alarm's notification, as SNS puts it on the queue.
fn alarm(n: usize, subject: &str, arn: &str, at: Timestamp, severity: Severity, fires: bool) -> Value {
    let (namespace, metric) = subject.rsplit_once('/').unwrap_or(("AWS/SQS", subject));
    let name = arn.rsplit(':').next().unwrap_or(arn);
    let inner = json!({
        "AlarmName": name, "AlarmDescription": format!("severity={severity}"), "AWSAccountId": "123456789012",
        "NewStateValue": if fires { "ALARM" } else { "OK" }, "NewStateReason": "Threshold Crossed", "AlarmArn": arn,
        "StateChangeTime": at.to_string().replace('Z', "+0000"), "Region": "EU (Frankfurt)",
        "Trigger": {"MetricName": metric, "Namespace": namespace, "Period": 60, "Dimensions": []},
    });
    json!({
        "Type": "Notification", "MessageId": format!("sns-{n}"), "Message": inner.to_string(),
        "TopicArn": "arn:aws:sns:eu-central-1:123456789012:alarms", "Timestamp": at.to_string(),
    })
}
