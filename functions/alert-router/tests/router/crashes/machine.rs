//! Plays a story once to learn the points that it passes, then once for each of them with a process that dies there; lets
//! sound processes finish, and checks what is on record and what people got.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use testkit::binaries::workspace;
use testkit::proxy::Fault;
use testkit::receivers::Behaviour;
use testkit::runtime_api::{Options, Outcome, Sandbox};

use super::evidence::{Evidence, Repeats};
use crate::messages::{again, batch, record};
use crate::world::{World, retry};

/// Long after every pause, lease and mute.
const LATER: &str = "2099-01-01T00:00:00Z";

/// What happens next.
pub(super) enum Step {
    /// The queue gives these together, until an invocation has dealt with them.
    Messages(Vec<Value>),
    /// A schedule or a person asks for this, and asks again if nobody answered.
    Asked(Value),
    /// What the router raised itself comes back through the queue.
    Raised,
    /// A receiver misbehaves.
    Behave(Behaviour),
    /// The way to Postgres breaks, or heals.
    Postgres(Fault),
    /// A retry tick takes up what is held; what a dead one had taken comes again.
    Drain,
    /// Time passes, or somebody else writes.
    Sql(String),
}

/// What is told, and what has to be on record in the end.
pub(super) struct Story {
    pub(super) name: &'static str,
    /// The watch file from its routes on.
    pub(super) watch_file: &'static str,
    /// What happens, about this subject.
    pub(super) steps: fn(&str) -> Vec<Step>,
    /// Queries about `SUBJECT`, and all that they answer, joined by blanks.
    pub(super) holds: &'static [(&'static str, &'static str)],
}

/// One time that a story is told.
struct Telling<'w> {
    world: &'w World,
    doomed: &'w Sandbox,
    sound: &'w Sandbox,
    crashes: usize,
}

impl Story {
    /// Kills at every point, and prints what came of it.
    pub(super) async fn kill_everywhere(&self) {
        let world = World::new().await;
        let (_file, path) = watch_file(self.watch_file);
        let router = async |name: &str, value: &str| {
            let environment = [("WATCH_FILE", path.as_str()), ("FAILPOINT_HASTE", "1"), (name, value)];
            world.router_with(&environment, Options::default()).await
        };
        let log = NamedTempFile::new().expect("a file");
        let traced = router("FAILPOINT_LOG", log.path().to_str().expect("a path")).await;
        let sound = router("FAILPOINT_LOG", "").await;
        let mut evidence = Evidence::begin(&world).await;
        let subject = "traced-00";
        let mut telling = Telling { world: &world, doomed: &traced, sound: &sound, crashes: 0 };
        telling.tell(&(self.steps)(subject)).await;
        let mut repeats = self.check(&world, &mut evidence, subject, "no point", 0).await;
        assert!(repeats.repeats <= repeats.ambiguous, "{}: without a crash nobody is told twice", self.name);
        let points = std::fs::read_to_string(log.path()).expect("the log");
        let points: Vec<&str> = points.lines().collect();
        assert!(points.len() > 10, "{}: {points:?}", self.name);

        let chosen = chosen(&points);
        let mut kills = 0;
        for &(n, point) in &chosen {
            let subject = format!("crash-{n:03}");
            let doomed = router("FAILPOINT_ABORT_AT", &n.to_string()).await;
            let mut telling = Telling { world: &world, doomed: &doomed, sound: &sound, crashes: 0 };
            telling.tell(&(self.steps)(&subject)).await;
            let crashes = telling.crashes;
            assert!(crashes <= 1, "{}: it dies once, at {point}", self.name);
            kills += crashes;
            repeats += self.check(&world, &mut evidence, &subject, point, crashes).await;
        }
        // What is sent at once is answered in any order, so the last points may differ from one telling to the next.
        assert!(kills * 10 >= chosen.len() * 8, "{}: {kills} kills at {points:?}", self.name);
        let signals = world.column("select count(*) from watchkeeper.signals").await.remove(0);
        let Repeats { ambiguous, repeats } = repeats;
        println!(
            "{:<28} {signals:>5} signals {:>4} points {kills:>4} kills {ambiguous:>4} ambiguous answers {repeats:>4} repeats  lost = 0",
            self.name,
            points.len()
        );
    }

    async fn check(
        &self,
        world: &World,
        evidence: &mut Evidence,
        subject: &str,
        point: &str,
        crashes: usize,
    ) -> Repeats {
        let place = format!("{} at `{point}` ({subject})", self.name);
        for (sql, expected) in self.holds {
            let found = evidence.ask(&sql.replace("SUBJECT", subject)).await;
            let found: Vec<String> = found.into_iter().map(|row| row.join(" ")).collect();
            assert_eq!(found.join(" "), *expected, "{place}: {sql}");
        }
        evidence.check(world, crashes, &place).await
    }
}

impl Telling<'_> {
    async fn tell(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Messages(messages) => self.deliver(messages).await,
                Step::Asked(payload) => self.ask(payload).await,
                Step::Raised => drop(self.deliver_raised().await),
                Step::Behave(behaviour) => self.world.receivers.behave(behaviour.clone()),
                Step::Postgres(fault) => self.world.proxy.behave(*fault),
                Step::Drain => self.drain().await,
                Step::Sql(sql) => drop(self.world.rows(sql).await),
            }
        }
        // The world comes to rest: leases of the dead end, and their deliveries go out.
        self.world.receivers.behave_normally();
        retry(self.sound, Some(LATER)).await;
        if self.deliver_raised().await {
            retry(self.sound, Some(LATER)).await;
        }
    }

    /// Once a process has died, others do the work: the point at which it dies comes once.
    fn router(&self) -> &Sandbox {
        if self.crashes == 0 && self.doomed.pid().is_some() { self.doomed } else { self.sound }
    }

    /// What a process answers, unless it dies.
    async fn invoke(&mut self, event: &Value) -> Option<Outcome> {
        let outcome = self.router().invoke(event).await.expect("a process");
        if matches!(outcome, Outcome::Died { .. }) {
            self.crashes += 1;
            return None;
        }
        Some(outcome)
    }

    async fn deliver(&mut self, messages: &[Value]) {
        let mut left = messages.to_vec();
        for receive in 1..=5 {
            let event = batch(left.iter().map(|message| again(message, receive)));
            match self.invoke(&event).await {
                None => continue,
                Some(Outcome::Answered(answer)) => {
                    let failed = answer["batchItemFailures"].as_array().cloned().unwrap_or_default();
                    left.retain(|message| failed.iter().any(|one| one["itemIdentifier"] == message["messageId"]));
                }
                Some(other) => panic!("{other}\n{}", self.router().output()),
            }
            if left.is_empty() {
                return;
            }
        }
        panic!("never recorded: {left:?}\n{}", self.router().output());
    }

    /// Whoever got no answer asks once more. That may be refused: it was done already.
    async fn ask(&mut self, payload: &Value) {
        match self.invoke(payload).await {
            None => drop(self.invoke(payload).await.expect("an answer of a sound process")),
            Some(Outcome::Answered(_)) => {}
            Some(other) => panic!("{payload}: {other}\n{}", self.router().output()),
        }
    }

    /// Whether there was anything.
    async fn deliver_raised(&mut self) -> bool {
        let raised = "select body from watchkeeper.signal_outbox where not exists (
                          select from watchkeeper.signals where idempotency_key like '%/' || id)";
        let raised = self.world.column(raised).await;
        for body in &raised {
            self.deliver(&[record(body, 1)]).await;
        }
        !raised.is_empty()
    }

    async fn drain(&mut self) {
        let held = self.world.held_messages().await;
        if self.invoke(&json!({"tick": "retry"})).await.is_none() {
            self.world.hold(&held).await;
            retry(self.sound, None).await;
        }
    }
}

/// The points to die at, counted from 1: each at which something was written, said or sent. What only reads or prepares
/// leaves behind just what the point before it does, so of each kind of these the first stands for all.
fn chosen<'p>(points: &[&'p str]) -> Vec<(usize, &'p str)> {
    let only_prepares = |point: &str| {
        ["reading ", "locking ", "bounding ", "begin ", "knowing "].iter().any(|begins| point.starts_with(begins))
    };
    let mut seen = BTreeSet::new();
    let numbered = (1..).zip(points.iter().copied());
    numbered.filter(|(_, point)| seen.insert(*point) || !only_prepares(point)).collect()
}

/// The local watch file up to its routes, and this from there on; with receivers that take more than so many stories tell.
fn watch_file(more: &str) -> (NamedTempFile, String) {
    let local = std::fs::read_to_string(workspace().join("config/local.toml")).expect("a watch file");
    let at = local.find("# Routes are tried in order").expect("where the routes begin");
    let mut text = format!("{}\n{more}", &local[..at]);
    for receiver in ["on-call", "mail", "hook"] {
        let begins = format!("[receiver.{receiver}]\n");
        assert!(text.contains(&begins), "{begins}");
        text = text.replace(&begins, &format!("{begins}rate = {{ per_minute = 6000, burst = 1000 }}\n"));
    }
    let file = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
    std::fs::write(file.path(), text).expect("written");
    let path = file.path().to_str().expect("a path").to_owned();
    (file, path)
}
