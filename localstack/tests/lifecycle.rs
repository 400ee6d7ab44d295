//! However a local cloud ends, it leaves no process behind, and the next one can start.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use testkit::{
    children::{self, Signal},
    tools::{self, target},
};

/// Two runs of it share the machine with the compiler.
const PATIENCE: Duration = Duration::from_secs(60);

/// A target folder of its own, so that a cloud the developer runs is not touched; the tools are the usual ones.
fn clone() -> Result<TempDir> {
    tools::MINISTACK.install()?;
    let folder = tempfile::tempdir()?;
    symlink(target().join("tools"), folder.path().join("tools"))?;
    Ok(folder)
}

fn local(clone: &Path, order: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_localstack"));
    command.arg(order).env("CARGO_TARGET_DIR", clone).stdin(Stdio::null());
    command
}

/// Starts a cloud and waits until Postgres and the emulator run; it goes on building the functions meanwhile.
fn start(clone: &Path) -> Result<Child> {
    let log = clone.join("up.log");
    let child = local(clone, "up").stdout(Stdio::null()).stderr(fs::File::create(&log)?).spawn()?;
    until("Postgres and the emulator answer", || {
        let said = fs::read_to_string(&log).unwrap_or_default();
        said.contains("Postgres answers") && said.contains("emulator answers")
    })
    .with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
    Ok(child)
}

fn until(what: &str, mut seen: impl FnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !seen() {
        ensure!(Instant::now() < deadline, "not seen: {what}");
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Every process below it.
fn below(child: &Child) -> Vec<u32> {
    children::tree(child.id()).into_iter().skip(1).collect()
}

fn all_gone(processes: &[u32]) -> bool {
    processes.iter().all(|pid| !children::exists(*pid))
}

fn run(clone: &Path, order: &str) -> Result<Output> {
    Ok(local(clone, order).output()?)
}

#[test]
fn a_second_start_is_refused_and_down_ends_the_first() -> Result<()> {
    let clone = clone()?;
    let mut first = start(clone.path())?;
    let processes = below(&first);
    ensure!(processes.len() >= 2, "Postgres and the emulator at least: {processes:?}");

    let second = run(clone.path(), "up")?;
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    ensure!(!second.status.success() && said.contains("cargo local down"), "{said}");
    ensure!(said.contains(&first.id().to_string()), "it names the process: {said}");

    let reaper = thread::spawn(move || first.wait());
    let down = run(clone.path(), "down")?;
    ensure!(down.status.success() && String::from_utf8_lossy(&down.stdout).contains("has ended"), "{down:?}");
    reaper.join().ok().context("waiting for the first")??;
    until("no process left", || all_gone(&processes))?;

    let again = run(clone.path(), "down")?;
    ensure!(again.status.success() && String::from_utf8_lossy(&again.stdout).contains("no local cloud"), "{again:?}");
    Ok(())
}

#[test]
fn a_killed_cloud_takes_everything_with_it() -> Result<()> {
    let clone = clone()?;
    let mut cloud = start(clone.path())?;
    let processes = below(&cloud);
    children::send(cloud.id(), Signal::KILL);
    cloud.wait()?;
    until("no process left", || all_gone(&processes))
}
