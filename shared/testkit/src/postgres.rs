//! A throw-away Postgres server: fast, without durability, gone with the process that started it.

use std::{
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::{PermissionsExt, chown},
    path::PathBuf,
    process::Command,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::children::{self, Child, LastWill, Signal};

mod installed;
mod script;
mod statement;

pub use script::run_script;
pub use statement::execute;

use installed::Binaries;
pub(crate) use installed::{AS_NOBODY, NOBODY, is_root};

/// How long a start may take before it counts as failed (a loaded two-core machine needs about a second).
const PATIENCE: Duration = Duration::from_secs(30);

/// Settings that trade durability for speed, and keep everything on one loopback port.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_connections=200",
    "shared_buffers=32MB",
    // In the data directory, so that a killed server leaves nothing in /dev/shm.
    "dynamic_shared_memory_type=mmap",
    "autovacuum=off",
    "timezone=UTC",
    "log_min_messages=warning",
    // Nothing to recover from: a checkpoint would only cost time.
    "checkpoint_timeout=1d",
];

/// A running server. Databases are made with [`Postgres::create_database`] and reached at [`Postgres::url`].
#[derive(Debug)]
pub struct Postgres {
    binaries: Binaries,
    directory: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Postgres {
    /// Initialises and starts a server on a free port.
    ///
    /// # Errors
    /// When no Postgres is installed, or it does not start; the message carries its log.
    pub fn start() -> Result<Self> {
        // Not under target/: `nobody` must be able to reach it, and a clone may live in a private home.
        let directory = tempfile::Builder::new()
            .prefix("watchkeeper-postgres-")
            .tempdir()
            .context("making a directory for Postgres")?;
        if is_root() {
            chown(directory.path(), Some(NOBODY), Some(NOBODY)).context("handing the data directory to nobody")?;
        }
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o700))
            .context("closing the data directory to others")?;
        let binaries = Binaries::find(directory.path())?;
        let mut server = Self { binaries, directory, port: 0, process: None };
        server.initialise()?;
        server.start_again()?;
        Ok(server)
    }

    /// The server that all tests of this binary share, started on first use.
    ///
    /// # Panics
    /// When it cannot be started: no test of the binary could say anything then.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| match Self::start() {
            Ok(server) => server,
            #[expect(clippy::panic, reason = "tests cannot go on without it, and the message says why")]
            Err(error) => panic!("no Postgres for the tests: {error:#}"),
        })
    }

    /// The connection URL of one of its databases; `postgres` always exists.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The TCP port on 127.0.0.1; it stays the same through [`Postgres::stop`] and [`Postgres::start_again`].
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the server writes its log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// Creates an empty database and returns its URL.
    ///
    /// # Errors
    /// When it exists already or the server does not answer.
    pub fn create_database(&self, name: &str) -> Result<String> {
        self.execute("postgres", &format!("create database {}", quoted(name)))?;
        Ok(self.url(name))
    }

    /// Creates a database as a copy of `template` and returns its URL. Nobody may be connected to the template; the server
    /// itself waits up to five seconds for the last to leave.
    ///
    /// # Errors
    /// When `name` exists already or the template is missing or in use.
    pub fn clone_database(&self, template: &str, name: &str) -> Result<String> {
        // FILE_COPY on a server without fsync is a plain copy of about 8 MB, and leaves no WAL behind.
        self.execute(
            "postgres",
            &format!("create database {} template {} strategy file_copy", quoted(name), quoted(template)),
        )?;
        Ok(self.url(name))
    }

    /// Runs statements in one database. Usable from tests with and without an async runtime.
    ///
    /// # Errors
    /// When a statement fails or the server does not answer.
    pub fn execute(&self, database: &str, statements: &str) -> Result<()> {
        execute(&self.url(database), statements)
    }

    /// Stops the server as an administrator would: connections end, data stays. Does nothing if it is stopped.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // A paused server hears nothing but SIGCONT.
            process.signal_tree(Signal::CONT);
            process.end(Signal::INT, Duration::from_secs(10));
        }
    }

    /// Starts the server again on the same port and data. Does nothing if it runs.
    ///
    /// # Errors
    /// When it does not accept connections in time; the message carries its log.
    pub fn start_again(&mut self) -> Result<()> {
        if let Some(process) = &mut self.process
            && process.exited()?.is_none()
        {
            return Ok(());
        }
        // Another process may take a free port between our look and Postgres's bind; then take the next.
        let fixed = self.port != 0;
        let mut attempts = if fixed { 1 } else { 3 };
        loop {
            if !fixed {
                self.port = free_port()?;
            }
            attempts -= 1;
            match self.launch() {
                Ok(process) => {
                    self.process = Some(process);
                    return Ok(());
                }
                Err(error) if attempts == 0 => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Whether the server is meant to run and its process has ended.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn has_crashed(&mut self) -> Result<bool> {
        match &mut self.process {
            Some(process) => Ok(process.exited()?.is_some()),
            None => Ok(false),
        }
    }

    /// Freezes every process of the server: connections stay open and hang, as behind a dead network.
    pub fn pause(&self) {
        if let Some(process) = &self.process {
            process.signal_tree(Signal::STOP);
        }
    }

    /// Ends [`Postgres::pause`].
    pub fn resume(&self) {
        if let Some(process) = &self.process {
            process.signal_tree(Signal::CONT);
        }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn initialise(&self) -> Result<()> {
        let mut initdb = self.command("initdb");
        initdb
            .args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--pgdata"])
            .arg(self.data());
        // Guarded like the server: killed in this second, we would leave 40 MB behind.
        let will = LastWill { ask_first: None, remove: Some(self.directory.path()) };
        if !children::spawn("initdb", self.logging(initdb)?, will)?.wait()?.success() {
            bail!("initdb failed: {}", self.logged());
        }
        Ok(())
    }

    fn launch(&self) -> Result<Child> {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        let will = LastWill { ask_first: Some("QUIT"), remove: Some(self.directory.path()) };
        let mut process = children::spawn("Postgres", self.logging(command)?, will)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if process.exited()?.is_some() || Instant::now() > deadline {
                bail!("Postgres did not start on port {}: {}", self.port, self.logged());
            }
            if self.execute("postgres", "select 1").is_ok() {
                return Ok(process);
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn logging(&self, mut command: Command) -> Result<Command> {
        let log = std::fs::File::create(self.log()).context("making the log of Postgres")?;
        command.stdout(log.try_clone().context("sharing the log of Postgres")?).stderr(log);
        Ok(command)
    }

    fn logged(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default().trim().to_owned()
    }

    fn command(&self, program: &str) -> Command {
        let program = self.binaries.directory.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(AS_NOBODY).arg(program);
            command
        } else {
            Command::new(program)
        };
        // A private working directory of ours may be unreadable for `nobody`.
        command.current_dir(self.directory.path());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Before the directory goes; a clean shutdown would only write what is deleted next.
        if let Some(mut process) = self.process.take() {
            process.end(Signal::QUIT, Duration::from_secs(2));
        }
    }
}

/// A TCP port on 127.0.0.1 that was free a moment ago.
///
/// # Errors
/// When the operating system has none to give.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr().context("reading the free port")?.port())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests;
