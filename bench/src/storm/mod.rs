//! An alert storm through the warm router: how many signals a second are on record, in batches as Lambda hands them over,
//! beside the floor, the Python reference and Alertmanager; the memory it takes; and where the time goes.
//!
//! What is measured is recording: from the invocation to its answer, with all that belongs to it. The one receiver takes one
//! request a minute, which is spent before (a long turn sends another), and the queue answers at once.

mod alertmanager;
mod breakdown;
mod floor;
mod queue;
mod reference;
mod soak;
mod traffic;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use testkit::runtime_api::Sandbox;

use crate::stats::Samples;
use crate::table::{Row, figure};
use crate::world::{Subject, World};
use alertmanager::Alertmanager;
use floor::Floor;
use queue::Queue;
use reference::Reference;
use traffic::{Storm, Traffic};

/// Batch sizes, and how many batches a turn takes.
const BATCHES: [(usize, usize); 3] = [(10, 40), (100, 12), (1_000, 4)];
/// Turns of each; the figure is their median.
const TURNS: usize = 5;
/// Signals of a turn of the Python reference, if that is more than a batch.
const FEW: usize = 200;
/// The rows of all tables that a batch writes to; where nothing opens, signals are all there is.
const FLOOR: &str = "floor, all rows";
const FLOOR_OF_SIGNALS: &str = "floor, signals alone";
const REFERENCE: &str = "Python with Redis";
const ALERTMANAGER: &str = "Alertmanager in memory";

/// One receiver, which is told once a minute: what waits for it stands in the record.
fn watch_file(world: &World) -> String {
    format!(
        r#"
namespace = "Bench"

[receiver.hook]
webhook = {{ url = "{}" }}
rate = {{ per_minute = 1, burst = 1 }}

[routes]
default = ["hook"]
"#,
        world.receivers.hook_url()
    )
}

/// What is told of the storm.
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    /// Sentences for below the table.
    pub(crate) notes: Vec<String>,
}

/// Whoever meets the storm.
struct Field<'a> {
    world: &'a World,
    router: &'a Subject,
    queue: Queue,
    floor: Floor,
    reference: Option<Reference>,
    alertmanager: Option<Alertmanager>,
}

/// What of the storm is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parts {
    /// Everything.
    All,
    /// The memory that a long one takes.
    Memory,
}

/// The rows of the storm; so many `signals` are the test of memory.
pub(crate) async fn measure(world: &World, router: &Subject, signals: usize, parts: Parts) -> anyhow::Result<Report> {
    let floor = Floor::start(&world.database_url).await?;
    let mut notes = Vec::new();
    let (mut python, mut alertmanager) = (None, None);
    match reference::program() {
        Some(redis) => python = Some(Reference::start(redis, world, &floor).await?),
        None => notes.push("Python with Redis was not measured: there is no `redis-server` here.".to_owned()),
    }
    match alertmanager::program() {
        Some(program) => alertmanager = Some(Alertmanager::start(program).await?),
        None => notes.push("Alertmanager was not measured: there is no `prometheus-alertmanager` here.".to_owned()),
    }
    let field = Field { world, router, queue: Queue::start().await?, floor, reference: python, alertmanager };
    let mut rows = Vec::new();
    if parts == Parts::All {
        for traffic in [Traffic::Distinct, Traffic::Duplicates] {
            for (size, batches) in BATCHES {
                eprintln!("  {traffic:?} signals in batches of {size} …");
                rows.push(field.rates(traffic, size, batches).await?);
            }
        }
        for traffic in [Traffic::Distinct, Traffic::Duplicates] {
            eprintln!("  where the time of {traffic:?} signals goes …");
            notes.push(breakdown::measure(&field, traffic).await?);
        }
    }
    for traffic in [Traffic::Half, Traffic::Duplicates] {
        eprintln!("  memory over {signals} {traffic:?} signals …");
        rows.push(soak::measure(&field, traffic, signals).await?);
    }
    field.floor.clear().await?;
    Ok(Report { rows, notes })
}

/// Signals per second, of some turns.
#[derive(Default)]
struct Rates {
    ours: Vec<f64>,
    floor: Vec<f64>,
    all_rows: Vec<f64>,
    reference: Vec<f64>,
    alertmanager: Vec<f64>,
}

impl Field<'_> {
    /// A warm router with an empty record, whose receiver has been told something this minute.
    async fn sandbox(&self, storm: &mut Storm) -> anyhow::Result<Sandbox> {
        self.floor.clear().await?;
        let sandbox =
            self.world.sandbox_with_queues(self.router, &watch_file(self.world), &self.queue.endpoint).await?;
        for _ in 0..5 {
            record(&sandbox, &storm.batch(10).event).await?;
        }
        Ok(sandbox)
    }

    async fn rates(&self, traffic: Traffic, size: usize, batches: usize) -> anyhow::Result<Row> {
        let mut storm = Storm::of(traffic);
        let sandbox = self.sandbox(&mut storm).await?;
        let mut rates = Rates::default();
        for _ in 0..TURNS {
            self.turn(&sandbox, &mut storm, size, batches, &mut rates).await?;
        }
        let (signals, sent) = self.floor.recorded().await?;
        let expected = storm.said();
        ensure!(usize::try_from(signals).ok() == Some(expected), "{signals} of {expected} signals are on record");
        let median = |rates: Vec<f64>| Samples::new(rates).median();
        let what = traffic.words();
        let ours = Samples::new(rates.ours);
        let slowest = ours.percentile(0);
        let row = Row::new(format!("alert-router: storm, {what}, batches of {size}"), ours.median(), "signals/s");
        let mut row = row
            .note(format!("slowest turn {}, {expected} signals, {sent} told", figure(slowest)))
            .peer(FLOOR, median(rates.all_rows))
            .at_least_times_the_peer(0.5);
        if traffic == Traffic::Distinct {
            row = row.peer(FLOOR_OF_SIGNALS, median(rates.floor));
        }
        if self.reference.is_some() {
            row = row.peer(REFERENCE, median(rates.reference)).at_least_times_the_peer(10.0);
        }
        if self.alertmanager.is_some() {
            row = row.peer(ALERTMANAGER, median(rates.alertmanager));
        }
        Ok(row)
    }

    /// Everybody takes the same batches, the floor right after us; the reference takes a few.
    async fn turn(
        &self,
        sandbox: &Sandbox,
        storm: &mut Storm,
        size: usize,
        batches: usize,
        rates: &mut Rates,
    ) -> anyhow::Result<()> {
        self.floor.tidy().await?;
        let said: Vec<traffic::Batch> = (0..batches).map(|_| storm.batch(size)).collect();
        let (mut ours, mut signals, mut all) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        for batch in &said {
            ours += record(sandbox, &batch.event).await?;
            let took = self.floor.repeat().await?;
            signals += took.signals;
            all += took.all;
        }
        let rate = |count: usize, took: Duration| per_second(count * size, took);
        rates.ours.push(rate(batches, ours));
        rates.floor.push(rate(batches, signals));
        rates.all_rows.push(rate(batches, all));
        if let Some(reference) = &self.reference {
            let few = (FEW / size).max(1);
            let mut took = Duration::ZERO;
            for batch in said.iter().take(few) {
                took += record(&reference.sandbox, &batch.event).await?;
            }
            rates.reference.push(rate(few.min(batches), took));
        }
        if let Some(alertmanager) = &self.alertmanager {
            let mut took = Duration::ZERO;
            for batch in &said {
                took += alertmanager.take(&batch.alerts).await?;
            }
            rates.alertmanager.push(rate(batches, took));
        }
        Ok(())
    }
}

/// From the invocation to its answer, which must not name a message that was not recorded.
async fn record(sandbox: &Sandbox, event: &Value) -> anyhow::Result<Duration> {
    let invocation = sandbox.invoke_timed(event, Duration::from_secs(120)).await?;
    let answer = invocation.outcome.answered().with_context(|| last_lines(&sandbox.output()))?;
    let failed = answer["batchItemFailures"].as_array().is_some_and(|failed| !failed.is_empty());
    ensure!(!failed, "not all of a batch was recorded: {answer}\n{}", last_lines(&sandbox.output()));
    Ok(invocation.ended - invocation.offered)
}

fn last_lines(output: &str) -> String {
    let lines: Vec<&str> = output.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn per_second(count: usize, took: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no storm has 2^53 signals")]
    let count = count as f64;
    count / took.as_secs_f64()
}

/// A program of the system, where it has it.
fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|program| program.is_file())
}
