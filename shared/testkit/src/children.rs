//! Child processes that never outlive the process that started them, however it ends.
//!
//! Each child gets a guard: a shell that waits on a pipe only we hold. When we exit, crash or are
//! killed with SIGKILL, the pipe closes and the guard kills the child with everything below it.
//! Plain `Drop` would miss crashes and statics, and a parent-death signal would miss grandchildren.

use std::{
    collections::BTreeSet,
    os::unix::process::CommandExt,
    path::Path,
    process::{ChildStdout, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process, test_kill_process};

/// Kills a process tree from the top, so that no parent can replace a child that was just killed.
const GUARD: &str = r#"
below() { cat /proc/"$1"/task/*/children 2>/dev/null || pgrep -P "$1"; }
fell() {
    kill -STOP "$1" 2>/dev/null
    children=$(below "$1")
    kill -KILL "$1" 2>/dev/null
    for child in $children; do fell "$child"; done
}
trap '' INT TERM HUP
read -r _
if [ -n "$2" ]; then
    # A paused child hears nothing until it is woken.
    kill -CONT "$1" $(below "$1") 2>/dev/null
    kill -"$2" "$1" 2>/dev/null
    patience=20
    while kill -0 "$1" 2>/dev/null && [ "$patience" -gt 0 ]; do sleep 0.1; patience=$((patience - 1)); done
fi
fell "$1"
if [ -n "$3" ]; then rm -rf -- "$3"; fi
"#;

/// How often a dying child is looked at.
const POLL: Duration = Duration::from_millis(10);

/// A running child process; dropping it kills it and everything below it.
#[derive(Debug)]
pub struct Child {
    name: String,
    process: std::process::Child,
    guard: std::process::Child,
}

/// What the guard does besides killing when we are gone without having ended the child ourselves.
#[derive(Debug, Clone, Copy, Default)]
pub struct LastWill<'a> {
    /// Name of a signal (`QUIT`) after which the child gets two seconds to give back what outlives it,
    /// such as Postgres its shared memory.
    pub ask_first: Option<&'a str>,
    /// A directory nobody needs any more.
    pub remove: Option<&'a Path>,
}

/// Starts `command` in a process group of its own, so that Ctrl-C on the terminal reaches us and not it:
/// we stop children in the right order ourselves.
///
/// # Errors
/// When the program or its guard cannot be started.
pub fn spawn(name: &str, mut command: Command, will: LastWill<'_>) -> Result<Child> {
    let process = command
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("starting {name} ({})", command.get_program().display()))?;
    let guard = Command::new("/bin/sh")
        .args(["-c", GUARD, "guard", &process.id().to_string(), will.ask_first.unwrap_or_default()])
        .arg(will.remove.unwrap_or(Path::new("")))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    match guard {
        Ok(guard) => Ok(Child { name: name.to_owned(), process, guard }),
        Err(error) => {
            kill_tree(process.id());
            Err(error).with_context(|| format!("starting the guard of {name}"))
        }
    }
}

impl Child {
    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its standard output, once, if the command was made with a pipe for it.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.process.stdout.take()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.process.wait().with_context(|| format!("waiting for {}", self.name))
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        self.process.try_wait().with_context(|| format!("looking after {}", self.name))
    }

    /// Sends `signal` to the process and everything below it, top first.
    pub fn signal_tree(&self, signal: Signal) {
        for pid in tree(self.id()) {
            send(pid, signal);
        }
    }

    /// Asks the process to end with `signal`, waits up to `patience`, then kills it and everything below it.
    pub fn end(&mut self, signal: Signal, patience: Duration) {
        let below = tree(self.id());
        send(self.id(), signal);
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline && matches!(self.process.try_wait(), Ok(None)) {
            thread::sleep(POLL);
        }
        kill_tree(self.id());
        for pid in below {
            send(pid, Signal::KILL);
        }
        // Both are children of ours that have been killed: waiting reaps them and cannot hang.
        let _ = self.process.wait();
        let _ = self.guard.kill();
        let _ = self.guard.wait();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end(Signal::KILL, Duration::ZERO);
    }
}

/// `root` and every process below it, parents before children.
#[must_use]
pub fn tree(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        found.extend(children_of(pid).into_iter().filter(|child| !found.contains(child)).collect::<Vec<_>>());
        next += 1;
    }
    found
}

/// Kills a process and everything below it, including what is forked while we look.
pub fn kill_tree(root: u32) {
    let mut seen = BTreeSet::new();
    loop {
        let alive: Vec<u32> = tree(root).into_iter().filter(|pid| seen.insert(*pid)).collect();
        if alive.is_empty() {
            return;
        }
        // Stopped first: a stopped parent forks no replacement while its children are killed.
        for signal in [Signal::STOP, Signal::KILL] {
            for pid in &alive {
                send(*pid, signal);
            }
        }
    }
}

/// Sends one signal; a process that has already gone is not an error.
pub fn send(pid: u32, signal: Signal) {
    if let Some(pid) = as_pid(pid) {
        let _ = kill_process(pid, signal);
    }
}

/// Whether a process with this id lives. One that has ended and waits to be reaped does not: in a container the
/// first process may never reap what it inherits.
#[must_use]
pub fn exists(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state follows the program's name, which is in parentheses and may hold anything.
    let is_zombie = stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'));
    as_pid(pid).is_some_and(|pid| test_kill_process(pid).is_ok()) && !is_zombie
}

fn as_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

fn children_of(pid: u32) -> Vec<u32> {
    let tasks = Path::new("/proc").join(pid.to_string()).join("task");
    let listed = match std::fs::read_dir(tasks) {
        Ok(tasks) => tasks
            .flatten()
            .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
            .collect::<Vec<_>>()
            .join(" "),
        // No /proc (macOS): ask pgrep.
        Err(_) => Command::new("pgrep")
            .args(["-P", &pid.to_string()])
            .output()
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            .unwrap_or_default(),
    };
    listed.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Child {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        spawn("test", command, LastWill::default()).expect("sh starts")
    }

    fn gone(pid: u32) -> bool {
        let deadline = Instant::now() + Duration::from_secs(5);
        while exists(pid) && Instant::now() < deadline {
            thread::sleep(POLL);
        }
        !exists(pid)
    }

    fn grandchild(child: &Child) -> u32 {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            if let Some(pid) = tree(child.id()).get(1) {
                return *pid;
            }
            assert!(Instant::now() < deadline, "the shell started no child");
            thread::sleep(POLL);
        }
    }

    #[test]
    fn dropping_a_child_kills_its_children_too() {
        let child = shell("sleep 600; true");
        let below = grandchild(&child);
        drop(child);
        assert!(gone(below));
    }

    #[test]
    fn a_closed_pipe_kills_the_whole_tree() {
        // What the kernel does for us when this process is killed with SIGKILL: the guard's pipe closes.
        let mut child = shell("sleep 600; true");
        let below = grandchild(&child);
        drop(child.guard.stdin.take());
        child.process.wait().expect("the guard ends the child");
        assert!(gone(below));
    }
}
