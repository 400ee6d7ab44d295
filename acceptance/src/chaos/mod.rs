//! The chaos run: thousands of signals, late, repeated and out of order, through several routers that are killed at random,
//! with receivers that misbehave and a Postgres that comes and goes; then a look whether anything was lost, told too often,
//! or stands otherwise than it should.
//!
//! One seed gives one traffic and one weather. Processes run side by side, so which of them meets what is chance: a seed that
//! found something finds it again often, not always.

mod aws;
mod dice;
mod history;
mod invoke;
mod model;
mod queue;
mod rows;
mod sends;
mod trace;
mod traffic;
mod verdict;
mod weather;
mod world;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use domain::Timestamp;
use jiff::SignedDuration;

use dice::Dice;
use history::Receives;
use invoke::{Toll, Worker, tail, tick, tick_now_and_then};
use verdict::Verdict;
use world::World;

/// A router that is not killed.
const SOUND: &str = "sound";
/// Routers that are killed at random, beside it.
const DOOMED: [&str; 2] = ["doomed one", "doomed two"];
/// How far the clock of one tick is from that of the one before, once the storm is over: further than most pauses.
const STEP: SignedDuration = SignedDuration::from_mins(20);
/// The watch file's `digest_every`.
const DIGEST_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// How far it is while there is still something to send: whoever waits for that must not count as not to be reached for a day.
const SHORT_STEP: SignedDuration = SignedDuration::from_mins(1);
/// After so many ticks without anything sent everything must be over.
const MOST_TICKS: i32 = 60;

/// A run that can be repeated.
#[derive(Clone, Copy, Debug)]
pub struct Chaos {
    /// Gives everything that is left to chance.
    pub seed: u64,
    /// How many signals come.
    pub signals: usize,
}

/// What a run came to.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// How many signals came.
    pub signals: usize,
    /// In how many messages.
    pub messages: usize,
    /// How many processes died in the middle of something.
    pub kills: usize,
    /// Sends whose sender never heard what came of them.
    pub ambiguous: usize,
    /// How often the way to Postgres was broken.
    pub outages: usize,
    /// Notices on record as told.
    pub told: usize,
    /// Notices that were accepted once more, each for a crash or an ambiguous answer.
    pub repeats: usize,
    /// Signals, notices and ends that nobody has any more.
    pub lost: usize,
    /// How many messages were settled by which receive of five.
    pub receives: Receives,
    /// How long it took.
    pub took: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { signals, messages, kills, ambiguous, outages, told, repeats, lost, receives, took } = self;
        write!(
            f,
            "{signals} signals in {messages} messages: {kills} kills, {ambiguous} ambiguous answers, {outages} outages, \
             {told} notices, {repeats} repeats, lost = {lost}, settled by receive 1/2/3/4/5: {receives}, {:.0} s",
            took.as_secs_f64()
        )
    }
}

impl Chaos {
    /// The command that repeats it.
    pub fn command(&self) -> String {
        format!("cargo run -p acceptance --bin chaos -- --seed {} --signals {}", self.seed, self.signals)
    }

    /// Lets it happen.
    ///
    /// # Errors
    /// Everything that was wrong in the end, with the command that repeats the run.
    pub async fn run(&self) -> Result<Report> {
        match self.happen().await {
            Ok((report, verdict)) if verdict.wrong.is_empty() => Ok(report),
            Ok((report, Verdict { wrong, traces, .. })) => {
                let some: Vec<&str> = wrong.iter().take(25).map(String::as_str).collect();
                bail!(
                    "seed {}: {} things are wrong after {report}:\n  {}\n\n{}\n\nTo repeat it: {}",
                    self.seed,
                    wrong.len(),
                    some.join("\n  "),
                    traces.join("\n\n"),
                    self.command()
                )
            }
            Err(error) => Err(error.context(format!("seed {}; to repeat it: {}", self.seed, self.command()))),
        }
    }

    async fn happen(&self) -> Result<(Report, Verdict)> {
        let mut dice = Dice::new(self.seed);
        let world = World::start(dice.fork()).await?;
        let began = now();
        let started = Instant::now();
        let traffic = traffic::of(self.signals, began, &mut dice.fork());
        put(&world, &traffic.messages);
        let (toll, outages) = (Toll::default(), AtomicUsize::new(0));
        self.storm(&world, &toll, &outages, &mut dice).await?;
        weather::clear(&world);
        put(&world, &traffic.last);
        let mut sound = worker(&world, "sound afterwards", None, dice.fork()).await?;
        let settled = settle(&mut sound, &toll, began).await;
        if let Err(error) = settled {
            return Err(error.context(tail(&sound.sandbox.output()).to_owned()));
        }
        let kills = toll.kills.load(Ordering::Relaxed);
        let verdict = Verdict::of(&world, &traffic, kills + DOOMED.len() + 3).await?;
        let report = Report {
            signals: self.signals,
            messages: traffic.messages.len() + traffic.last.len(),
            kills,
            ambiguous: verdict.ambiguous,
            outages: outages.load(Ordering::Relaxed),
            told: verdict.told,
            repeats: verdict.repeats,
            lost: verdict.wrong.iter().filter(|wrong| wrong.starts_with("lost: ")).count(),
            receives: world.history.receives(),
            took: started.elapsed(),
        };
        Ok((report, verdict))
    }

    /// Until every message was dealt with.
    async fn storm(&self, world: &World, toll: &Toll, outages: &AtomicUsize, dice: &mut Dice) -> Result<()> {
        let mut workers = vec![worker(world, SOUND, None, dice.fork()).await?];
        for name in DOOMED {
            let dies_at = dice.between(150, 600);
            workers.push(worker(world, name, Some(dies_at), dice.fork()).await?);
        }
        let ticker = world.router(None).await?;
        let working = async {
            let [one, two, three] = &mut workers[..] else { bail!("three workers") };
            tokio::try_join!(one.work(toll), two.work(toll), three.work(toll))?;
            Ok(())
        };
        tokio::select! {
            worked = working => worked,
            () = weather::over_postgres(world, outages, dice.fork()) => Ok(()),
            () = weather::over_receivers(world, dice.fork()) => Ok(()),
            failed = tick_now_and_then(&ticker, toll, dice.fork()) => failed,
        }
    }
}

fn put(world: &World, messages: &[traffic::Message]) {
    for message in messages {
        world.aws.cloud.alerts.send(Some(message.id.clone()), message.body.clone(), Default::default());
    }
}

async fn worker<'w>(world: &'w World, name: &'static str, dies_at: Option<usize>, dice: Dice) -> Result<Worker<'w>> {
    Ok(Worker { name, world, sandbox: world.router(dies_at).await?, logged: 0, doomed: dies_at.is_some(), dice })
}

/// Ticks until nothing is due any more, by a clock that runs ahead so that no pause costs its time.
async fn settle(sound: &mut Worker<'_>, toll: &Toll, began: Timestamp) -> Result<()> {
    let world = sound.world;
    let cloud = &world.aws.cloud;
    let (mut at, mut step) = (began, SHORT_STEP);
    let mut idle = 0;
    while idle < MOST_TICKS {
        cloud.alerts.let_time_pass();
        cloud.held.let_time_pass();
        sound.work(toll).await?;
        at = (at + step).max(now());
        let summary = tick(&sound.sandbox, "retry", &at.to_string()).await?;
        let is_busy = summary["did"]["deliveries_sent"].as_u64().is_some_and(|sent| sent > 0);
        step = if is_busy { SHORT_STEP } else { STEP };
        idle += i32::from(!is_busy);
        let due = world
            .count(
                "select (select count(*) from watchkeeper.deliveries where status in ('pending', 'sending', 'held'))
                      + (select count(*) from watchkeeper.signal_outbox where sent_at is null)
                      + (select count(*) from watchkeeper.alerts where status = 'firing' and muted_reason is not null)",
            )
            .await?;
        let held = cloud.held.waiting().into_iter().filter(|held| !traffic::is_poisonous(&held.body)).count();
        if due + cloud.alerts.len() + held == 0 {
            // The first ends one that broke off, if there is any; by then the next is due, whenever the last one was.
            for kind in ["digest", "digest", "retry"] {
                at += DIGEST_EVERY + STEP;
                tick(&sound.sandbox, kind, &at.to_string()).await?;
            }
            return Ok(());
        }
    }
    bail!("{MOST_TICKS} ticks that sent nothing after the storm something is still due")
}

#[expect(clippy::disallowed_methods, reason = "senders and the ticks after the storm go by the clock of the machine")]
fn now() -> Timestamp {
    Timestamp::now()
}
