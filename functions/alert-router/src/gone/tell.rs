//! Tells what must not wait, without the record: each condition's signals in order, conditions side by side, a receiver that
//! does not answer more than once, and straight people where none of them can be told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::delivery::Outcome;
use domain::gone::{Memory, Remembered, Telling, Told, break_glass, tellings};
use domain::policy::SELF_RECEIVER;
use domain::{Fingerprint, Signal, Timestamp};
use futures::future::join_all;
use futures::stream::{self, StreamExt};
use runtime::Deadline;

use super::is_late;
use crate::app::{App, wall_clock};
use crate::payload::Received;
use crate::receivers;

/// How many conditions are told of at once.
const AT_ONCE: usize = 16;
/// How often a receiver is tried: nothing tries it again before the record is back.
const TRIES: u32 = 3;
/// The first pause between tries; the next is twice as long.
const PAUSE: Duration = Duration::from_secs(1);
/// A receiver that wants to be left alone for longer is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What came of telling of one message.
pub(super) enum Said {
    /// Everybody who had to be told was tried, and this came of it. Nobody had to be, where it is empty.
    To(Vec<Told>),
    /// Somebody had to be told, and nobody took it.
    ToNobody(String),
    /// The invocation ends first.
    NoTime,
}

/// Where something was said: which message, and which signal of it.
#[derive(Clone, Copy)]
struct Spoken<'s> {
    message: usize,
    n: usize,
    signal: &'s Signal,
    /// It was received before: somebody may have told it, and not lived to remember.
    repeat: bool,
}

pub(super) struct Teller<'a> {
    pub(super) app: &'a App,
    pub(super) switched_off: BTreeSet<String>,
    pub(super) now: Timestamp,
    pub(super) deadline: &'a Deadline,
}

impl Teller<'_> {
    /// Tells of these messages; answers for each in turn.
    pub(super) async fn tell(&self, memory: &mut Memory, messages: &[(&Received, Vec<Signal>)]) -> Vec<Said> {
        memory.forget(self.now);
        let mut conditions: BTreeMap<&Fingerprint, Vec<Spoken<'_>>> = BTreeMap::new();
        for (message, (received, signals)) in messages.iter().enumerate() {
            for (n, signal) in (1..).zip(signals) {
                conditions.entry(&signal.fingerprint).or_default().push(Spoken {
                    message,
                    n,
                    signal,
                    repeat: received.is_suspect(),
                });
            }
        }
        let telling: Vec<_> = conditions
            .into_iter()
            .map(|(fingerprint, spoken)| {
                let remembered = memory.take(fingerprint);
                self.tell_condition(fingerprint.clone(), remembered, spoken)
            })
            .collect();
        let mut said: Vec<Said> = messages.iter().map(|_| Said::To(Vec::new())).collect();
        let mut conditions = stream::iter(telling).buffer_unordered(AT_ONCE);
        while let Some((fingerprint, remembered, answers)) = conditions.next().await {
            memory.keep(fingerprint, remembered, self.now);
            for (message, answer) in answers {
                if let Some(so_far) = said.get_mut(message) {
                    so_far.add(answer);
                }
            }
        }
        said
    }

    async fn tell_condition(
        &self,
        fingerprint: Fingerprint,
        mut remembered: Remembered,
        mut spoken: Vec<Spoken<'_>>,
    ) -> (Fingerprint, Remembered, Vec<(usize, Said)>) {
        spoken.sort_by_key(|spoken| spoken.signal.occurred_at.min(self.now));
        let mut answers = Vec::new();
        for one in spoken {
            answers.push((one.message, self.tell_signal(&mut remembered, one).await));
        }
        (fingerprint, remembered, answers)
    }

    async fn tell_signal(&self, remembered: &mut Remembered, spoken: Spoken<'_>) -> Said {
        let signal = spoken.signal;
        let due = tellings(signal, remembered, &self.app.policy, &self.switched_off, self.now);
        if !due.is_empty() && is_late(self.deadline) {
            return Said::NoTime;
        }
        remembered.hear(signal, self.now);
        let before = remembered.told();
        let (mut told, failures) = self.tell_all(&due, remembered, spoken.repeat).await;
        for told in &mut told {
            told.n = spoken.n;
            remembered.remember(signal.severity, told);
        }
        if signal.status == domain::SignalStatus::Resolved {
            let passed_on: Vec<&str> =
                told.iter().filter(|told| is_accepted(told)).map(|told| &*told.receiver).collect();
            remembered.end(&passed_on);
            return Said::To(told);
        }
        if !due.is_empty() && before.is_empty() && !told.iter().any(is_accepted) {
            let failures: Vec<String> = failures.iter().map(|(receiver, why)| format!("{receiver}: {why}")).collect();
            return Said::ToNobody(format!("nobody could be told of it: {}", failures.join("; ")));
        }
        told.extend(before);
        Said::To(told)
    }

    /// Tells everybody at once, then whoever is told instead of those who did not take it, then the topic `self` if nobody
    /// did; none of them what they were told within the hour. Answers with what came of it, and with what went wrong.
    async fn tell_all(
        &self,
        due: &[Telling],
        remembered: &Remembered,
        repeat: bool,
    ) -> (Vec<Told>, Vec<(String, String)>) {
        let (mut told, mut failures) = (Vec::new(), Vec::new());
        let mut instead: Vec<Telling> = Vec::new();
        let mut record = |telling: &Telling, (outcome, error): (Told, Option<String>)| {
            let taken = is_accepted(&outcome);
            if !taken {
                failures.push((telling.receiver.clone(), error.unwrap_or_else(|| outcome.outcome.as_str().to_owned())));
            }
            told.push(outcome);
            taken
        };
        for (telling, outcome) in
            due.iter().zip(join_all(due.iter().map(|telling| self.try_telling(telling, repeat))).await)
        {
            if !record(telling, outcome) {
                instead.extend(self.fallback(telling, due, remembered));
            }
        }
        let mut others = BTreeSet::new();
        instead.retain(|telling| others.insert(telling.receiver.clone()));
        let outcomes = join_all(instead.iter().map(|telling| self.try_telling(telling, repeat))).await;
        for (telling, outcome) in instead.iter().zip(outcomes) {
            record(telling, outcome);
        }
        let unheard = !told.iter().any(is_accepted);
        let knows = |telling: &&Telling| remembered.was_told(SELF_RECEIVER, telling.notification.severity, self.now);
        let first = due.iter().find(|telling| telling.notification.notice.triggers());
        if let Some(first) = first.filter(|first| unheard && !knows(first)) {
            let last_resort = break_glass(first, &failures);
            let (outcome, error) = self.try_telling(&last_resort, repeat).await;
            failures.extend(error.map(|why| (last_resort.receiver.clone(), why)));
            told.push(outcome);
        }
        (told, failures)
    }

    /// Who is told instead of this one, and is not told anyway.
    fn fallback(&self, telling: &Telling, due: &[Telling], remembered: &Remembered) -> Vec<Telling> {
        let others = telling.fallback.iter().filter(|name| {
            !self.switched_off.contains(*name)
                && due.iter().all(|telling| telling.receiver != **name)
                && !remembered.was_told(name, telling.notification.severity, self.now)
        });
        let to = |name: &String| {
            let merges = self.app.policy.receivers.get(name)?.integration.keeps_incidents();
            let notification = telling.notification.clone();
            Some(Telling { receiver: name.clone(), merges, fallback: Vec::new(), notification })
        };
        others.filter_map(to).collect()
    }

    /// Tries one receiver until it takes it, will never take it, or time is short; what came of the last try.
    async fn try_telling(&self, telling: &Telling, mut repeat: bool) -> (Told, Option<String>) {
        let Telling { receiver, merges, notification, .. } = telling;
        let mut pause = PAUSE;
        let mut tries = 0;
        let tried = loop {
            failpoint::pass("about to tell without the record");
            let telling = self.app.receivers().tell(receiver, notification, repeat);
            let limit = self.deadline.for_work();
            let tried = tokio::time::timeout(limit, telling).await.unwrap_or_else(|_| receivers::Told::cut_short());
            failpoint::pass("told without the record");
            tries += 1;
            let (again, asked) = match &tried.outcome {
                Outcome::Accepted | Outcome::Permanent => (false, Duration::ZERO),
                Outcome::Transient => (true, Duration::ZERO),
                Outcome::RateLimited { retry_after } => {
                    (true, retry_after.and_then(|asked| Duration::try_from(asked).ok()).unwrap_or_default())
                }
                // It may have been taken; where the provider cannot merge, once more would be once too often.
                Outcome::Ambiguous => (*merges, Duration::ZERO),
            };
            let wait = pause.max(asked);
            if !again || tries == TRIES || wait > LONGEST_PAUSE || self.deadline.for_work() < wait + PAUSE {
                break tried;
            }
            repeat = repeat || tried.outcome == Outcome::Ambiguous;
            tokio::time::sleep(failpoint::pause(wait)).await;
            pause *= 2;
        };
        let notice = notification.notice.as_str();
        let (outcome, error) = (tried.outcome.as_str(), tried.error.as_deref().unwrap_or_default());
        if tried.outcome == Outcome::Accepted {
            tracing::warn!(receiver, notice, tries, "Told {receiver} without the record");
        } else {
            tracing::error!(receiver, notice, outcome, error, tries, "Could not tell {receiver} without the record");
        }
        let told = Told {
            n: 1,
            fingerprint: notification.fingerprint.clone(),
            receiver: receiver.clone(),
            notice: notification.notice,
            dedup_key: notification.dedup_key.clone(),
            outcome: tried.outcome,
            provider_id: tried.provider_id,
            at: wall_clock(),
        };
        (told, tried.error)
    }
}

impl Said {
    /// A message says as much as its signals; if one of them was told to nobody, it has to come again.
    fn add(&mut self, answer: Said) {
        match (&mut *self, answer) {
            (Said::To(so_far), Said::To(told)) => so_far.extend(told),
            (Said::To(_), worse) | (Said::ToNobody(_), worse @ Said::NoTime) => *self = worse,
            _ => {}
        }
    }
}

fn is_accepted(told: &Told) -> bool {
    told.outcome == Outcome::Accepted
}
