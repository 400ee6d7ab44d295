//! One local cloud from start to stop.

use std::{
    fs::{self, File, TryLockError},
    io::Write,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use anyhow::{Context, Result, anyhow, bail};
use testkit::{
    emulator::{ACCOUNT, Emulator, REGION},
    postgres::Postgres,
    receivers::Receivers,
    runpod::RunPod,
    tools::target,
};
use tokio::task::spawn_blocking;

use crate::{
    aws::Aws,
    deploy::{self, ENVIRONMENT, Parameters},
    parts::{Parts, lay_out, prepare_account},
    pipeline,
    progress::Progress,
    stack::{self, Stack},
};

/// Held while a cloud runs here; it says whose process that is. The kernel lets go of it however that ends.
pub const LOCK: &str = "lock";

/// The key that the fake RunPod takes.
pub(crate) const RUNPOD_KEY: &str = "local-runpod-key-000000000000000";
/// Its only endpoint.
const RUNPOD_ENDPOINT: &str = "local";

/// What one local cloud should be like.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where its state is; a second cloud needs another directory.
    pub directory: PathBuf,
    /// Whether schedules run by themselves.
    pub schedules: Schedules,
    /// Instead of `config/local.toml`.
    pub watch_file: Option<PathBuf>,
    /// More environment variables for every function, such as a failpoint.
    pub variables: Vec<(String, String)>,
}

/// Who decides when scheduled functions run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedules {
    /// The clock.
    Enabled,
    /// A person or a test.
    Disabled,
}

impl Options {
    /// The cloud of `cargo local`, under `target/local`.
    #[must_use]
    pub fn standard() -> Self {
        Self::at(target().join("local"))
    }

    /// One with its state elsewhere.
    #[must_use]
    pub fn at(directory: PathBuf) -> Self {
        Self { directory, schedules: Schedules::Disabled, watch_file: None, variables: Vec::new() }
    }
}

/// A running, deployed cloud. Dropping it ends everything it started.
#[derive(Debug)]
pub struct Cloud {
    /// Where everything is.
    pub stack: Stack,
    /// A client for its account.
    pub aws: Aws,
    /// The fake receivers.
    pub receivers: Receivers,
    /// The fake RunPod. Its clock stands still until it is set.
    pub runpod: RunPod,
    /// When its deployment began, with everything built and installed.
    pub deployed_since: Instant,
    directory: PathBuf,
    // Dropped in this order: functions lose their emulator before they lose their database.
    emulator: Mutex<Emulator>,
    postgres: Mutex<Postgres>,
    _lock: File,
}

impl Cloud {
    /// Starts everything and deploys the stack.
    ///
    /// # Errors
    /// When another cloud runs in the same directory, or a part does not start.
    pub async fn start(options: &Options, progress: Progress) -> Result<Self> {
        let directory = options.directory.clone();
        fs::create_dir_all(directory.join("logs")).with_context(|| format!("making {}", directory.display()))?;
        let lock = take_lock(&directory)?;
        // Left over if the last cloud here was killed; its processes died with it.
        let _ = fs::remove_file(directory.join(stack::FILE));

        let logs = directory.join("logs");
        let parts = Parts::start(options, &logs, progress).await?;
        let receivers = Receivers::start().await?;
        let runpod = RunPod::start(RUNPOD_KEY, &[RUNPOD_ENDPOINT], jiff::Timestamp::UNIX_EPOCH).await?;
        let access = parts.emulator.access(ACCOUNT);
        let aws = Aws::new(access.clone())?;
        let parameters = Parameters::read()?;
        let mut stack = Stack {
            aws_endpoint: access.endpoint.clone(),
            region: REGION.to_owned(),
            account: ACCOUNT.to_owned(),
            environment: ENVIRONMENT.to_owned(),
            stack_name: parameters.stack_name.clone(),
            database_url: parts.postgres.url(pipeline::DATABASE),
            functions: Default::default(),
            queues: Default::default(),
            topics: Default::default(),
            // The one that is somebody else's; the stack brings its own.
            buckets: [("upstream".to_owned(), format!("{}-upstream", parameters.stack_name))].into(),
            alarms: Default::default(),
            ssm_prefix: format!("/{ENVIRONMENT}/watchkeeper"),
            receivers_url: receivers.url(),
            runpod_url: runpod.url(),
            watch_file: directory.join("deploy/target/lambda/alert-router/config/local.toml"),
            log_dir: logs.clone(),
        };
        prepare_account(&aws, &stack, &parameters, &receivers).await?;

        let deployment = directory.join("deploy");
        lay_out(&deployment, &parts.functions, options.watch_file.as_deref())?;
        let deployed_since = Instant::now();
        progress.say("deploying template.yaml with sam deploy --config-env local");
        let changed: &[(&str, &str)] = match options.schedules {
            Schedules::Enabled => &[("ScheduleState", "ENABLED")],
            Schedules::Disabled => &[],
        };
        let log = logs.join("deploy.log");
        spawn_blocking(move || deploy::deploy(&deployment, &log, &access, &parameters, changed))
            .await
            .context("waiting for sam deploy")??;
        // Only now: a first build takes longer than telemetry stays fresh.
        let database = stack.database_url.clone();
        spawn_blocking(move || pipeline::seed(&database)).await.context("filling the example pipeline")??;
        stack.adopt(&aws.stack_resources(&stack.stack_name).await?);
        stack.write(&directory)?;
        progress.say("deployed; the example pipeline is healthy");
        let (emulator, postgres) = (Mutex::new(parts.emulator), Mutex::new(parts.postgres));
        Ok(Self { stack, aws, receivers, runpod, deployed_since, directory, emulator, postgres, _lock: lock })
    }

    /// Its Postgres, to stop, start, pause and resume.
    pub fn postgres(&self) -> MutexGuard<'_, Postgres> {
        self.postgres.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills the sandboxes of one function, as an out-of-memory kill would.
    ///
    /// # Errors
    /// When there is no such function, or its processes cannot be told apart here.
    pub fn kill(&self, function: &str) -> Result<usize> {
        if !self.stack.functions.contains_key(function) {
            bail!("no function {function}: there are {}", names(&self.stack));
        }
        self.emulator().kill_function(&self.stack.function_name(function))
    }

    /// Invokes a function through its alias.
    ///
    /// # Errors
    /// When there is no such function or Lambda refuses; a function's own error is an answer.
    pub async fn invoke(&self, function: &str, payload: &serde_json::Value) -> Result<crate::aws::Answer> {
        let arn = self.stack.functions.get(function);
        let arn = arn.with_context(|| format!("no function {function}: there are {}", names(&self.stack)))?;
        self.aws.invoke(arn, payload.to_string().as_bytes()).await
    }

    /// What has ended that should not have.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn casualty(&self) -> Result<Option<&'static str>> {
        if self.emulator().has_ended()? {
            return Ok(Some("the AWS emulator"));
        }
        Ok(self.postgres().has_crashed()?.then_some("Postgres"))
    }

    fn emulator(&self) -> MutexGuard<'_, Emulator> {
        self.emulator.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        // First of all: whoever reads it would talk to something that is going away.
        let _ = fs::remove_file(self.directory.join(stack::FILE));
    }
}

/// The names of a stack's functions, for messages.
#[must_use]
pub fn names(stack: &Stack) -> String {
    stack.functions.keys().cloned().collect::<Vec<_>>().join(", ")
}

fn take_lock(directory: &Path) -> Result<File> {
    let path = directory.join(LOCK);
    let mut lock = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .with_context(|| format!("opening {}", path.display()))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = fs::read_to_string(&path).unwrap_or_default();
            bail!("a local cloud runs here already (process {}); `cargo local down` ends it", holder.trim());
        }
        Err(TryLockError::Error(error)) => {
            return Err(anyhow!(error)).with_context(|| format!("locking {}", path.display()));
        }
    }
    lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).context("writing the lock")?;
    Ok(lock)
}
