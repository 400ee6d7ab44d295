//! A PgBouncer in transaction mode before a throw-away Postgres, where the machine has one: the pooler itself, beside the
//! [`proxy`](crate::proxy) that only refuses what poolers cannot keep.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::children::{self, Child, LastWill};
use crate::postgres::{AS_NOBODY, NOBODY, Postgres, execute, free_port, is_root};

/// It is up in milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running pooler. Dropping it ends it.
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    _process: Child,
    _directory: TempDir,
}

/// The program, if the machine has it (Debian: `apt-get install pgbouncer`).
#[must_use]
pub fn installed() -> Option<PathBuf> {
    let on_path =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    on_path.into_iter().chain(system).map(|folder| folder.join("pgbouncer")).find(|program| program.is_file())
}

impl PgBouncer {
    /// Starts `program` before a server, with fewer connections to it than clients may have.
    ///
    /// # Errors
    /// When it does not let anybody through in time; the message carries its log.
    pub fn start(program: PathBuf, server: &Postgres) -> Result<Self> {
        let directory =
            tempfile::Builder::new().prefix("watchkeeper-pgbouncer-").tempdir().context("making its folder")?;
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).context("closing its folder")?;
        let (port, log) = (free_port()?, directory.path().join("log"));
        let settings = directory.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 2\n\
             max_client_conn = 200\nserver_idle_timeout = 2\nlogfile = {}\n",
            server.port(),
            log.display()
        );
        fs::write(&settings, text).context("writing its settings")?;
        let mut command = Command::new(&program);
        if is_root() {
            // It refuses to run as root, as Postgres does.
            chown(directory.path(), Some(NOBODY), Some(NOBODY)).context("handing its folder to nobody")?;
            chown(&settings, Some(NOBODY), Some(NOBODY)).context("handing its settings to nobody")?;
            command = Command::new("setpriv");
            command.args(AS_NOBODY).arg(&program);
        }
        command.arg("--quiet").arg(&settings).current_dir(directory.path());
        let will = LastWill { ask_first: None, remove: Some(directory.path()) };
        let mut process = children::spawn("PgBouncer", command, will)?;
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let deadline = Instant::now() + PATIENCE;
        while execute(&url, "select 1").is_err() {
            if process.exited()?.is_some() || Instant::now() > deadline {
                bail!("PgBouncer lets nobody through: {}", fs::read_to_string(&log).unwrap_or_default().trim());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(Self { port, _process: process, _directory: directory })
    }

    /// The pooler before [`Postgres::shared`] that all tests of this binary share, if they are to go through one: where the
    /// variable `ROUTER_TESTS_THROUGH` says `pgbouncer`.
    ///
    /// # Panics
    /// When it is asked for and cannot be started, or the variable says something else: no test would show what it should.
    #[must_use]
    pub fn asked_for() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<PgBouncer>> = OnceLock::new();
        let start = || -> Result<Option<Self>> {
            let Some(through) = std::env::var_os("ROUTER_TESTS_THROUGH") else { return Ok(None) };
            if through != "pgbouncer" {
                bail!("ROUTER_TESTS_THROUGH is {through:?}: expected `pgbouncer`, or no such variable");
            }
            let program = installed().context("ROUTER_TESTS_THROUGH=pgbouncer needs the program pgbouncer")?;
            Self::start(program, Postgres::shared()).map(Some)
        };
        let shared = SHARED.get_or_init(|| match start() {
            Ok(pooler) => pooler,
            #[expect(clippy::panic, reason = "tests cannot go on without it, and the message says why")]
            Err(error) => panic!("no PgBouncer for the tests: {error:#}"),
        });
        shared.as_ref()
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}
