//! Starts the AWS emulator (MiniStack) and says what it does where that matters to us.
//!
//! What was read in its source (1.5.33) and is relied upon here:
//!
//! - A `provided.*` function runs as a warm child process of the emulator, one per concurrent invocation, from
//!   `$TMPDIR/ministack-provided-code-PORT/<sha of the zip>/bootstrap`, with that folder as working directory and
//!   `LAMBDA_TASK_ROOT`. Its environment is the emulator's own, then the runtime's variables, then the function's:
//!   whatever the emulator is started with (`AWS_ENDPOINT_URL`, a failpoint) reaches every function.
//!   `AWS_LAMBDA_FUNCTION_NAME` in it tells whose process it is.
//! - stdout and stderr are merged and, after each invocation, written to the log group of the function's
//!   `LoggingConfig`, else `/aws/lambda/NAME`. What a process wrote before it was killed comes with that failure.
//! - An SQS event source takes at most 10 messages, with up to 5 batches at once, and looks once a second when idle.
//!   When the process dies or answers with an error, the batch stays invisible until the queue's visibility timeout
//!   ends, then comes again with a receive count one higher; the mapping itself pauses for a second. What a function
//!   deleted itself stays deleted. A message received `maxReceiveCount` times moves to the dead-letter queue at the
//!   next receive from its queue, whoever receives.
//! - The access key id is the account when it has 12 digits; accounts see nothing of each other. Functions get their
//!   own account's id as access key. Signatures and policies are not checked.
//! - An alarm is evaluated when a datum of its metric arrives, over Period × EvaluationPeriods back from then.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    children::{self, Child, LastWill, Signal},
    operations,
    postgres::free_port,
    tools,
};

/// The region everything runs in.
pub const REGION: &str = "eu-central-1";

/// The account of a stack that needs no isolation from another.
pub const ACCOUNT: &str = "000000000000";

/// Importing its services takes about two seconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running emulator; dropping it kills it together with the functions it runs.
#[derive(Debug)]
pub struct Emulator {
    process: Child,
    port: u16,
}

impl Emulator {
    /// Starts one on a free port with its files in `directory`, which is emptied first, and its output in `log`.
    /// `variables` are added to its environment, and so to that of every function.
    ///
    /// # Errors
    /// When its tools cannot be installed or it does not answer in time; the message names its log.
    pub fn start(directory: &Path, log: &Path, variables: &[(String, String)]) -> Result<Self> {
        let tools = tools::MINISTACK.install()?;
        if directory.exists() {
            fs::remove_dir_all(directory).with_context(|| format!("emptying {}", directory.display()))?;
        }
        let temporary = directory.join("tmp");
        fs::create_dir_all(&temporary).with_context(|| format!("making {}", temporary.display()))?;
        let port = free_port()?;
        let mut command = Command::new(tools.program("ministack"));
        let sink = File::create(log).with_context(|| format!("making {}", log.display()))?;
        command
            .current_dir(directory)
            // Neither the user's profile nor their credentials: a mistake must not reach a real account.
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", directory)
            .env("TMPDIR", &temporary)
            .env("BIND_HOST", "127.0.0.1")
            .env("MINISTACK_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("MINISTACK_REGION", REGION)
            // It would bind a fixed port, and a second clone's emulator could not.
            .env("IOT_MTLS_ENABLED", "0")
            .env("STATE_DIR", directory.join("state"))
            .env("S3_DATA_DIR", directory.join("s3"))
            .env(operations::VARIABLE, operations::folder()?)
            .envs(Access::new(port, ACCOUNT).variables())
            .envs(variables.iter().cloned())
            .stdout(sink.try_clone().context("sharing the emulator's log")?)
            .stderr(sink);
        let process = children::spawn("the AWS emulator", command, LastWill::default())?;
        let mut emulator = Self { process, port };
        emulator.wait(log)?;
        Ok(emulator)
    }

    /// The emulator that all tests of this binary share, started on first use; `name` tells it from other binaries'.
    ///
    /// # Panics
    /// When it cannot be started: no test of the binary could say anything then.
    #[must_use]
    pub fn shared(name: &str) -> &'static Self {
        static SHARED: OnceLock<Emulator> = OnceLock::new();
        SHARED.get_or_init(|| {
            let directory = tools::target().join("tests").join(name);
            match Self::start(&directory.join("emulator"), &directory.join("emulator.log"), &[]) {
                Ok(emulator) => emulator,
                #[expect(clippy::panic, reason = "tests cannot go on without it, and the message says why")]
                Err(error) => panic!("no AWS emulator for the tests: {error:#}"),
            }
        })
    }

    /// How to reach it as one account.
    #[must_use]
    pub fn access(&self, account: &str) -> Access {
        Access::new(self.port, account)
    }

    /// An account no other test of this process has.
    #[must_use]
    pub fn fresh_account() -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        format!("{:012}", 100_000_000_000_u64 + u64::from(NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Kills every process of one function, as a crash or an out-of-memory kill would. Says how many there were.
    ///
    /// # Errors
    /// When processes cannot be told apart (their environments are read from `/proc`).
    pub fn kill_function(&self, name: &str) -> Result<usize> {
        if !Path::new("/proc/self/environ").exists() {
            bail!("killing the sandboxes of one function needs /proc, which this system has not");
        }
        let wanted = format!("AWS_LAMBDA_FUNCTION_NAME={name}");
        let mut killed = 0;
        for pid in children::tree(self.process.id()).into_iter().skip(1) {
            let environment = fs::read(PathBuf::from(format!("/proc/{pid}/environ"))).unwrap_or_default();
            if environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes()) {
                children::send(pid, Signal::KILL);
                killed += 1;
            }
        }
        Ok(killed)
    }

    /// Whether its process has ended.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.process.exited()?.is_some())
    }

    fn wait(&mut self, log: &Path) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if answers(self.port) {
                return Ok(());
            }
            if self.process.exited()?.is_some() || Instant::now() > deadline {
                bail!("the AWS emulator does not answer on port {}; its log is {}", self.port, log.display());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// What a client needs to reach the emulator.
#[derive(Debug, Clone)]
pub struct Access {
    /// `http://127.0.0.1:PORT`.
    pub endpoint: String,
    /// Twelve digits; also the access key id.
    pub account: String,
}

impl Access {
    fn new(port: u16, account: &str) -> Self {
        Self { endpoint: format!("http://127.0.0.1:{port}"), account: account.to_owned() }
    }

    /// The environment variables an AWS client reads all of this from.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", self.account.clone()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            // Nobody answers at the metadata address here; asking takes seconds.
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }
}

fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /_ministack/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_and_ends_with_its_owner() {
        let directory = tempfile::tempdir().expect("a directory");
        let log = directory.path().join("log");
        let emulator = Emulator::start(&directory.path().join("files"), &log, &[]).expect("the emulator starts");
        let (pid, port) = (emulator.process.id(), emulator.port);
        assert!(answers(port));
        drop(emulator);
        assert!(!answers(port));
        assert!(!children::exists(pid));
    }
}
