//! Runs an actual function binary the way Lambda does: one process, one invocation at a time, over the Runtime API.
//!
//! A [`Sandbox`] serves the [Runtime API](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html) on a free
//! port, starts the binary against it, keeps what it writes, and starts it afresh once it has died. The environment is
//! built from nothing, so that no credential or profile of the machine reaches the function.

mod process;
mod server;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;
use tempfile::NamedTempFile;

use process::Process;
use server::Answer;

/// How a sandbox presents itself to its function.
#[derive(Debug, Clone)]
pub struct Options {
    /// `AWS_LAMBDA_FUNCTION_NAME`; the binary's own name unless said otherwise.
    pub name: Option<String>,
    /// The function's timeout: its deadline, and when the process is killed for good.
    pub timeout: Duration,
    /// `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`. Nothing enforces it.
    pub memory_mb: u32,
    /// `LAMBDA_TASK_ROOT` and the working directory; the binary's folder unless said otherwise.
    pub task_root: Option<PathBuf>,
    /// Arguments of the binary. A function takes none; an interpreter takes its program.
    pub arguments: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        let timeout = Duration::from_secs(30);
        Self { name: None, timeout, memory_mb: 256, task_root: None, arguments: Vec::new() }
    }
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The function answered.
    Answered(Value),
    /// The function, or its start, reported an error.
    Failed {
        /// `errorType`.
        error_type: String,
        /// `errorMessage`.
        message: String,
    },
    /// The process ended without an answer.
    Died {
        /// Such as `exit status: 101` or `signal: 9 (SIGKILL)`.
        status: String,
    },
    /// The function's timeout passed without an answer; the process was killed.
    TimedOut,
}

impl Outcome {
    /// The answer, or an error that says what happened instead.
    pub fn answered(self) -> anyhow::Result<Value> {
        match self {
            Self::Answered(answer) => Ok(answer),
            other => Err(anyhow::anyhow!("the function gave no answer: {other}")),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(answer) => write!(f, "answered {answer}"),
            Self::Failed { error_type, message } => write!(f, "failed with {error_type}: {message}"),
            Self::Died { status } => write!(f, "died with {status}"),
            Self::TimedOut => f.write_str("timed out"),
        }
    }
}

/// An invocation with its times, for measurements.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// How it ended.
    pub outcome: Outcome,
    /// When its process was started.
    pub started: Instant,
    /// When the event was there for the function to take.
    pub offered: Instant,
    /// When it ended.
    pub ended: Instant,
}

/// One execution environment.
#[derive(Debug)]
pub struct Sandbox {
    launch: Launch,
    current: Mutex<Option<Arc<Process>>>,
    /// An environment has one invocation at a time; others wait for their turn here.
    turn: tokio::sync::Mutex<()>,
}

/// All it takes to start the process again.
#[derive(Debug)]
struct Launch {
    binary: PathBuf,
    environment: Vec<(String, String)>,
    options: Options,
    /// Everything written to stdout and stderr, of every process. A file keeps the order, never blocks the writer and
    /// is complete the moment an answer arrives, which pipes and tasks reading them are not.
    output: NamedTempFile,
}

impl Sandbox {
    /// Starts the binary. Comes back at once: [`first_poll`](Self::first_poll) waits until it is ready.
    pub async fn start<K: Into<String>, V: Into<String>>(
        binary: &Path,
        environment: impl IntoIterator<Item = (K, V)>,
        options: Options,
    ) -> anyhow::Result<Self> {
        let launch = Launch {
            binary: binary.to_owned(),
            environment: environment.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            options,
            output: NamedTempFile::new().context("opening a file for the function's output")?,
        };
        let sandbox = Self { launch, current: Mutex::default(), turn: tokio::sync::Mutex::default() };
        sandbox.process().await?;
        Ok(sandbox)
    }

    /// Invokes the function, in a fresh process if the last one has died.
    ///
    /// # Errors
    /// Only when no process can be started; whatever the function does is an [`Outcome`].
    pub async fn invoke(&self, event: &Value) -> anyhow::Result<Outcome> {
        Ok(self.invoke_timed(event, self.launch.options.timeout).await?.outcome)
    }

    /// Invokes the function with a timeout of its own, and keeps the times.
    pub async fn invoke_timed(&self, event: &Value, timeout: Duration) -> anyhow::Result<Invocation> {
        let _turn = self.turn.lock().await;
        let process = self.process().await?;
        let offered = Instant::now();
        let answer = process.api.offer(event, timeout);
        let outcome = tokio::select! {
            biased;
            Ok(answer) = answer => match answer {
                Answer::Response(answer) => Outcome::Answered(answer),
                Answer::Error { error_type, message } => Outcome::Failed { error_type, message },
            },
            status = process.ended() => match process.api.init_error() {
                Some((error_type, message)) => Outcome::Failed { error_type, message },
                None => Outcome::Died { status },
            },
            () = tokio::time::sleep(timeout) => {
                process.kill().await;
                Outcome::TimedOut
            }
        };
        Ok(Invocation { outcome, started: process.started, offered, ended: Instant::now() })
    }

    /// Waits until the current process asks for its first event, and says how long after its start that was.
    ///
    /// # Errors
    /// If it ends before, with its output.
    pub async fn first_poll(&self) -> anyhow::Result<Duration> {
        let process = self.process().await?;
        tokio::select! {
            biased;
            at = process.api.first_poll() => Ok(at.duration_since(process.started)),
            status = process.ended() => {
                let output = self.output();
                anyhow::bail!("{} ended with {status} before its first poll:\n{output}", self.launch.binary.display())
            }
        }
    }

    /// Ends the process with SIGKILL, in the middle of whatever it is doing, and waits until it is gone.
    pub async fn kill(&self) {
        let process = self.current().clone();
        if let Some(process) = process {
            process.kill().await;
        }
    }

    /// The process id, while the process lives.
    pub fn pid(&self) -> Option<u32> {
        self.current().as_ref().filter(|process| process.is_alive()).map(|process| process.id)
    }

    /// Everything written to stdout and stderr so far, by all processes of this sandbox.
    pub fn output(&self) -> String {
        let bytes = std::fs::read(self.launch.output.path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The living process, or a new one.
    async fn process(&self) -> anyhow::Result<Arc<Process>> {
        if let Some(process) = self.current().as_ref().filter(|process| process.is_alive()) {
            return Ok(Arc::clone(process));
        }
        let process = Arc::new(Process::start(&self.launch).await?);
        *self.current() = Some(Arc::clone(&process));
        Ok(process)
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<Arc<Process>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
