//! archiver with a million audit logs: how long it takes to move them to cold storage, beside `psql COPY | zstd`, how fast
//! it deletes them, beside a bare DELETE, and how much room they and the archiver take.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::bucket::Buckets;

use crate::memory;
use crate::stats::Samples;
use crate::table::{Row, figure};
use crate::world::{ARCHIVE, Subject, World};

/// How many, within three months.
const ROWS: u32 = 1_000_000;
/// Turns, each with tables of its own; the figures are their medians.
const TURNS: usize = 3;
/// Rows of one bare DELETE, as many as archiver deletes in a transaction.
const CHUNK: usize = 5_000;
/// In MiB.
const MEMORY: f64 = 128.0;
/// The instant of everything: the rows are more than two years old.
const NOW: &str = "2026-11-22T12:00:00Z";
/// The name of the floor.
const FLOOR: &str = "psql COPY | zstd -3";

/// The rows, from hashes of their number: every run has the same.
const GENERATOR: &str = "
    create table audit_logs_source as
    select md5('log ' || n)::uuid as id, md5('organization ' || h % 400)::uuid as organization_id,
           'user-' || h % 9000 as actor,
           (array['watchpoint.created', 'watchpoint.updated', 'watchpoint.deleted', 'api_key.created', 'session.opened'])
               [1 + h % 5] as action,
           (array['watchpoint', 'api_key', 'session'])[1 + h % 3] as resource_type,
           substr(md5('resource ' || h % 60000), 1, 16) as resource_id,
           jsonb_build_object('request', substr(md5('request ' || n), 1, 8), 'status', 200 + h % 5, 'attempt', n)
               as metadata,
           ('10.' || h % 20 || '.' || h / 7 % 50 || '.' || h % 250)::inet as ip,
           '2024-07-01T00:00:00Z'::timestamptz + n * (interval '75 days' / ROWS) as created_at
    from generate_series(1, ROWS) as n,
         lateral (select ('x' || substr(md5(n::text), 1, 7))::bit(28)::int as h) as hashed";

/// What one turn took.
#[derive(Debug)]
struct Turn {
    moved: Moved,
    /// Seconds, and the file in MB.
    floor: Option<(f64, f64)>,
    bare_delete: f64,
}

/// What archiver took.
#[derive(Debug)]
struct Moved {
    /// From the invocation to its answer, in seconds.
    whole: f64,
    /// Each step, as archiver says it.
    steps: [f64; 5],
    /// Bytes of the objects, in MB.
    objects: f64,
    peak: f64,
}

/// Where archiver's answer has a step's seconds.
const STEPS: [&str; 5] = ["plan", "export", "upload", "verify", "delete"];

impl Moved {
    fn step(&self, name: &str) -> f64 {
        STEPS.iter().zip(self.steps).find(|(step, _)| **step == name).map_or(f64::NAN, |(_, took)| took)
    }

    /// Everything but deleting: from looking for the rows to the last manifest.
    fn moving(&self) -> f64 {
        self.whole - self.step("delete")
    }
}

/// The rows of the table. Whether memory grows is seen with `many` audit logs besides.
pub(crate) async fn measure(world: &World, archiver: &Subject, many: Option<u32>) -> anyhow::Result<Vec<Row>> {
    generate(world, ROWS).await?;
    let mut turns = Vec::with_capacity(TURNS);
    for turn in 0..TURNS {
        prepare(world, &["audit_logs", "audit_logs_bare"]).await?;
        let floor = floor(world)?;
        let moved = archive(world, archiver, turn, ROWS).await?;
        let took = Turn { moved, floor, bare_delete: bare_delete(world).await? };
        eprintln!("turn {}: {took:?}", turn + 1);
        turns.push(took);
    }
    world.say("drop table audit_logs_bare").await?;
    let mut table = rows(&turns);
    if let Some(many) = many {
        generate(world, many).await?;
        prepare(world, &["audit_logs"]).await?;
        let moved = archive(world, archiver, TURNS, many).await?;
        eprintln!("{many} rows: {moved:?}");
        let name = format!("archiver: peak memory, {many} rows");
        let note = format!("all of it in {} s", figure(moved.whole));
        table.push(Row::new(name, moved.peak, "MiB").budget(MEMORY).note(note));
    }
    world.say("drop table audit_logs_source, audit_logs").await?;
    Ok(table)
}

async fn generate(world: &World, rows: u32) -> anyhow::Result<()> {
    let sql = format!("drop table if exists audit_logs_source; {}", GENERATOR.replace("ROWS", &rows.to_string()));
    world.say(&sql).await
}

/// Fills tables with the rows.
async fn prepare(world: &World, tables: &[&str]) -> anyhow::Result<()> {
    for table in tables {
        world
            .say(&format!("drop table if exists {table}; create table {table} as select * from audit_logs_source"))
            .await?;
        // The indexes of the example product's table.
        world
            .say(&format!(
                "alter table {table} add primary key (id), alter created_at set not null;
                 create index on {table} (created_at); create index on {table} (organization_id, created_at)"
            ))
            .await?;
        world.say(&format!("vacuum (analyze) {table}")).await?;
    }
    world.say("checkpoint").await
}

/// archiver moves so many rows.
async fn archive(world: &World, archiver: &Subject, turn: usize, rows: u32) -> anyhow::Result<Moved> {
    let s3 = Buckets::start(&[ARCHIVE], NOW.parse().context("an instant")?).await?;
    let sandbox = world.sandbox_archiving(archiver, &watch_file(turn), &s3.url()).await?;
    sandbox.first_poll().await?;
    let invocation = sandbox.invoke_timed(&json!({"task": "archive", "now": NOW}), Duration::from_mins(15)).await?;
    let whole = (invocation.ended - invocation.offered).as_secs_f64();
    let answer = invocation.outcome.answered().with_context(|| sandbox.output())?;
    let done = &answer["policies"][format!("audit-logs-{turn}")];
    ensure!(
        done["rows"] == json!(rows) && answer["failed"] == json!([]) && answer["skipped"] == json!([]),
        "not everything was done: {answer}"
    );
    let peak = memory::of(sandbox.pid().context("the function has ended")?)?.peak;
    let archive = s3.bucket(ARCHIVE);
    let objects = archive.keys().into_iter().filter(|key| key.ends_with(".parquet"));
    let objects = objects.filter_map(|key| archive.bytes(&key)).map(|bytes| bytes.len()).sum();

    Ok(Moved { whole, steps: steps(&done["seconds"])?, objects: megabytes(objects), peak })
}

fn steps(seconds: &Value) -> anyhow::Result<[f64; 5]> {
    let mut steps = [0.0; 5];
    for (step, name) in steps.iter_mut().zip(STEPS) {
        *step =
            seconds[name].as_f64().with_context(|| format!("archiver did not say how long {name} took: {seconds}"))?;
    }
    Ok(steps)
}

/// A policy of its own for each turn: what is on record of the one before is none of its business.
fn watch_file(turn: usize) -> String {
    format!(
        "namespace = \"Bench\"\n[database.pipeline]\nurl = \"ssm:database/pipeline_url\"\n\
         [retention.audit-logs-{turn}]\ndatabase = \"pipeline\"\ntable = \"audit_logs\"\ntime = \"created_at\"\n\
         key = [\"id\"]\nkeep = \"2y\"\narchive = \"audit{turn}/\"\n\
         [receiver.team]\nsns = {{ topic = \"pages\" }}\n[routes]\ndefault = [\"team\"]\n"
    )
}

/// What the two programs take that everybody has, and how large their file is; nothing where one of them is missing.
fn floor(world: &World) -> anyhow::Result<Option<(f64, f64)>> {
    let there = |program: &str| Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok();
    if !there("psql") || !there("zstd") {
        eprintln!("psql or zstd is missing: no floor for the export");
        return Ok(None);
    }
    let file = world.directory.path().join("audit_logs.zst");
    let began = Instant::now();
    let mut copy = Command::new("psql")
        .args(["--no-psqlrc", "--command", "copy (select * from audit_logs) to stdout", &world.database_url])
        .stdout(Stdio::piped())
        .spawn()
        .context("starting psql")?;
    let rows = copy.stdout.take().context("psql has no output")?;
    let compressed = Command::new("zstd").args(["-q", "-3", "-f", "-o"]).arg(&file).stdin(rows).status();
    let compressed = compressed.context("running zstd")?;
    let copied = copy.wait().context("waiting for psql")?;
    let took = began.elapsed().as_secs_f64();
    ensure!(copied.success() && compressed.success(), "psql ended with {copied}, zstd with {compressed}");
    let size = std::fs::metadata(&file).context("looking at the file of zstd")?.len();
    Ok(Some((took, megabytes(usize::try_from(size)?))))
}

/// Seconds that deleting takes by itself, chunk by chunk, the oldest first.
async fn bare_delete(world: &World) -> anyhow::Result<f64> {
    let (database, connection) = tokio_postgres::connect(&world.database_url, tokio_postgres::NoTls).await?;
    let driving = tokio::spawn(connection);
    let delete = format!(
        "delete from audit_logs_bare where id in (
             select id from audit_logs_bare where created_at < '2024-11-22T12:00:00Z' order by created_at limit {CHUNK})"
    );
    let began = Instant::now();
    let mut deleted = 0;
    loop {
        let gone = database.execute_typed(&delete, &[]).await.context("the bare DELETE")?;
        deleted += gone;
        if gone == 0 {
            break;
        }
    }
    let took = began.elapsed().as_secs_f64();
    driving.abort();
    ensure!(deleted == u64::from(ROWS), "the bare DELETE deleted {deleted} rows");
    Ok(took)
}

fn rows(turns: &[Turn]) -> Vec<Row> {
    let of = |figure: &dyn Fn(&Turn) -> f64| Samples::new(turns.iter().map(figure));
    let floors = |figure: fn((f64, f64)) -> f64| Samples::new(turns.iter().filter_map(|turn| turn.floor).map(figure));
    let (floor, file) = (floors(|(took, _)| took), floors(|(_, size)| size));
    let peer = |row: Row, floor: &Samples, times: f64| {
        let floor = floor.median();
        if floor.is_nan() { row } else { row.peer(FLOOR, floor).at_most_times_the_peer(times) }
    };
    let exporting = of(&|turn| turn.moved.step("plan") + turn.moved.step("export"));
    let moving = of(&|turn| turn.moved.moving());
    let step = |name: &str| figure(of(&|turn| turn.moved.step(name)).median());
    let rate = |seconds: f64| f64::from(ROWS) / seconds;
    vec![
        peer(
            Row::new(format!("archiver: export of {ROWS} audit logs"), exporting.median(), "s").note(format!(
                "slowest of {TURNS} turns {}; looking for the rows of each batch {}, rows into Parquet {}",
                figure(exporting.largest()),
                step("plan"),
                step("export")
            )),
            &floor,
            1.5,
        ),
        peer(
            Row::new("archiver: export, upload and verification of them", moving.median(), "s").note(format!(
                "slowest {}; upload {}, verification {}",
                figure(moving.largest()),
                step("upload"),
                step("verify")
            )),
            &floor,
            3.0,
        ),
        Row::new("archiver: deleting them", of(&|turn| rate(turn.moved.step("delete"))).median(), "rows/s")
            .note(format!("{} s", step("delete")))
            .peer("bare DELETE", of(&|turn| rate(turn.bare_delete)).median())
            .at_least_times_the_peer(0.8),
        peer(Row::new("archiver: size of their objects", of(&|turn| turn.moved.objects).median(), "MB"), &file, 0.9),
        Row::new(format!("archiver: peak memory, {ROWS} rows"), of(&|turn| turn.moved.peak).largest(), "MiB")
            .budget(MEMORY),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "nothing here has 2^53 bytes")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}
