//! Measures what the suite costs: the release binaries of the functions under a Runtime API of our own, beside Python
//! functions of the same job in the same run. `cargo bench-suite` prints the table; `--write` keeps it.

mod alerts;
mod archive;
mod cold_start;
mod cycles;
mod heartbeats;
mod load;
mod machine;
mod many_checks;
mod memory;
mod one_alert;
mod package;
mod stats;
mod storm;
mod table;
mod world;

use std::process::Command;

use anyhow::{Context, ensure};
use clap::Parser;
use machine::Machine;
use storm::Parts;
use table::Table;
use world::World;

/// How the archiver is measured, for below the table.
const ARCHIVE: &str = "The archiver's steps are as its answer has them; export, upload and verification are all of the \
     invocation but deleting. Its S3 is one in memory, in the process that measures, which checks what it is sent as S3 does, and \
     works on the same cores; what `psql COPY | zstd -3` makes goes to a file, and is neither sent nor read back. The bare \
     DELETE takes 5,000 rows a transaction, by the time and the index on it, from a copy of the table, whether or not they \
     are archived or have changed since.";
/// What an evaluation's figures hold, for below the table.
const HEARTBEATS: &str = "An evaluation's figures are from the invocation to its answer: ledgers are read and everything is \
     committed, two metrics and a heartbeat are published to the emulator, and what fell silent is sent to its queue. What the \
     two calls that publish take by themselves, by a bare client in the same run, is taken off where it says so. From a \
     deadline to a page it is at most a minute until the next evaluation, then this, then the way of one alert. Reading \
     CloudWatch comes on top where a metric's turn has come; what that costs in dollars stands in docs/HEARTBEATS.md.";
/// How a storm is measured, for below the table.
const STORM: &str = "The storm's figures are from the invocation to its answer, everything committed. The one receiver takes \
     one request a minute, which is spent before, and the queue that recorded messages are deleted from answers at once: \
     recording is measured, not sending. The floor is one INSERT per table of the rows that the batch wrote, by the same Rust \
     client into copies of the tables, one transaction and one flush per batch, turn by turn with ours: the signals, and \
     where they open alerts these, what their sources say and their deliveries. The Python reference (`bench/peer/storm.py`) reads \
     and writes its counter in Redis and inserts one row per signal; Alertmanager keeps alerts in memory. The tables are \
     vacuumed and analysed between turns.";
/// What stands between a storm and its floor, for below the table.
const BEYOND_THE_FLOOR: &str = "What stands between a storm and its floor. The floor is one flush of rows that are known before; a \
     batch has two, since it must hold the locks of its fingerprints before it reads what is known, and read before it decides. \
     In them more than a dozen statements are parsed and planned anew each time, because a pooler keeps none of them prepared; \
     that does not grow with the batch, and is most of what ten signals cost. Ten times the Python reference would be less than a \
     millisecond for all of it. A batch of a thousand is dominated by what grows with it: the same INSERTs, with a foreign key \
     that the floor's copies do without, and two layers of JSON, hashing, deciding and wire format in code that is compiled for \
     size.";
/// What may be named besides functions.
const ALERT_STORM: &str = "storm";
/// The storm's memory alone.
const SOAK: &str = "soak";
/// Signals of the test of memory, where they are to be kept and where they are not.
const SIGNALS: [usize; 2] = [1_000_000, 100_000];
/// Rows of archiver's test of memory, where they are to be kept.
const ROWS: u32 = 10_000_000;
/// Where `--write` keeps the table.
const REPORT: &str = "docs/BENCHMARKS.md";

/// Measures cold starts, memory, package sizes and the way of one alert.
#[derive(Debug, Parser)]
struct Arguments {
    /// Functions to measure, or `storm` for that alone, or `soak` for its memory alone; everything if none is named.
    functions: Vec<String>,
    /// Signals in the storm that shows whether memory grows; a million with `--write`, else a tenth of that.
    #[arg(long)]
    signals: Option<usize>,
    /// Rows that show whether archiver's memory grows; ten million with `--write`, else it is not asked.
    #[arg(long)]
    rows: Option<u32>,
    /// Keep the table in docs/BENCHMARKS.md, too.
    #[arg(long, conflicts_with = "functions")]
    write: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    ensure!(!cfg!(debug_assertions), "only release builds are worth measuring: run `cargo bench-suite`");
    // One thread for us and one core for the function, on the machine with two that the budgets are for.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.context("starting the async runtime")?.block_on(run(&arguments))
}

async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    // Only plain HTTP is spoken here, but the client wants to know whose TLS it would use.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    eprintln!("building the functions in release, starting Postgres and the AWS emulator …");
    let world = World::start().await?;
    let machine = Machine::describe(&version(&world.python, "--version")?, &postgres_version(&world).await?);
    if let Some(warning) = machine.warning() {
        eprintln!("warning: {warning}");
    }
    let (mut table, mut notes) = (Table::default(), Vec::new());
    let wanted = |function: &str| arguments.functions.is_empty() || arguments.functions.iter().any(|f| f == function);
    for subject in world::subjects().into_iter().filter(|subject| wanted(subject.function)) {
        eprintln!("starting {} and its peer, in turns …", subject.function);
        table.0.extend(cold_start::measure(&world, &subject).await?);
        table.0.push(package::measure(&world, &subject)?);
        if subject.function == "alert-router" {
            eprintln!("sending alerts through {} one by one …", subject.function);
            table.0.extend(one_alert::measure(&world, &subject).await?);
        }
        if subject.function == "healthcheck" {
            eprintln!("running {} with hundreds of checks …", subject.function);
            table.0.extend(many_checks::measure(&world, &subject).await?);
        }
        if subject.function == "deadman" {
            eprintln!("watching over thousands of heartbeats with {} …", subject.function);
            table.0.extend(heartbeats::measure(&world, &subject).await?);
            notes.push(HEARTBEATS.to_owned());
        }
        if subject.function == "data-poller" {
            eprintln!("planning thousands of cycles with {} …", subject.function);
            table.0.extend(cycles::measure(&world, &subject).await?);
        }
        if subject.function == "archiver" {
            eprintln!("archiving a million rows with {} …", subject.function);
            let many = arguments.rows.or(arguments.write.then_some(ROWS));
            table.0.extend(archive::measure(&world, &subject, many).await?);
            notes.push(ARCHIVE.to_owned());
        }
        eprintln!("loading {} …", subject.function);
        table.0.extend(load::measure(&world, &subject).await?);
    }
    if wanted(ALERT_STORM) || wanted(SOAK) {
        eprintln!("a storm of alerts …");
        let parts = if wanted(ALERT_STORM) { Parts::All } else { Parts::Memory };
        let signals = arguments.signals.unwrap_or(if arguments.write { SIGNALS[0] } else { SIGNALS[1] });
        let router = world::subjects().into_iter().find(|subject| subject.function == "alert-router");
        let storm = storm::measure(&world, &router.context("there is no router")?, signals, parts).await?;
        table.0.extend(storm.rows);
        notes.push(STORM.to_owned());
        notes.extend(storm.notes);
        notes.push(BEYOND_THE_FLOOR.to_owned());
    }
    let notes = notes.join("\n\n");
    println!("{}\n\n{table}\n{notes}", machine.sentences());
    if arguments.write {
        let report = testkit::binaries::workspace().join(REPORT);
        std::fs::write(&report, document(&machine, &table, &notes)).with_context(|| format!("writing {REPORT}"))?;
        println!("kept in {REPORT}");
    }
    Ok(())
}

/// The report as a page.
fn document(machine: &Machine, table: &Table, notes: &str) -> String {
    format!(
        "# Benchmarks\n\n\
         `cargo bench-suite --write` makes this page. It runs the actual release binaries under a local Runtime API, \
         with Postgres and an AWS emulator on the same machine; figures are medians unless they say otherwise, and the \
         peer takes turns with ours in the same run. The Python peer (`bench/peer/function.py`) makes the same AWS \
         clients with boto3, and for its answer reads SSM and Postgres once.\n\n\
         Measured on: {}.\n\n{table}\n{notes}\n",
        machine.sentences()
    )
}

async fn postgres_version(world: &World) -> anyhow::Result<String> {
    let (database, connection) = tokio_postgres::connect(&world.database_url, tokio_postgres::NoTls).await?;
    let driving = tokio::spawn(connection);
    let rows = database.query_typed("select current_setting('server_version')", &[]).await?;
    driving.abort();
    let version: String = rows.first().context("Postgres did not say its version")?.try_get(0)?;
    Ok(format!("PostgreSQL {}", version.split(' ').next().unwrap_or_default()))
}

fn version(program: &std::path::Path, argument: &str) -> anyhow::Result<String> {
    let output = Command::new(program).arg(argument).output();
    let output = output.with_context(|| format!("asking {} for its version", program.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
