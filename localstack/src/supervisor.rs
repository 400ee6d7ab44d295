//! The process that owns a running cloud: takes orders from other processes, and ends everything when told to.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use axum::{
    Router,
    extract::{Path as UrlPath, State},
    http::StatusCode,
    routing::post,
};
use testkit::children::{self, Signal};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep},
};

use crate::cloud::{Cloud, LOCK};

/// Where the supervisor listens for orders.
const CONTROL: &str = "control";

/// How long an ordered end may take: functions, emulator and Postgres one after another.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for Ctrl-C, SIGTERM or the terminal's end, and says which.
///
/// # Errors
/// When signals cannot be listened for.
pub async fn asked_to_end() -> Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut hang_up = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
    Ok(tokio::select! {
        _ = terminate.recv() => "told to end",
        _ = interrupt.recv() => "interrupted",
        _ = hang_up.recv() => "the terminal closed",
    })
}

/// Keeps a cloud running until it is asked to end or loses a part, then ends it.
///
/// # Errors
/// When a part of the cloud ended by itself.
pub async fn keep(cloud: Cloud, directory: &Path) -> Result<()> {
    let control = directory.join(CONTROL);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("opening the control port")?;
    let address = listener.local_addr().context("reading the control port")?;
    fs::write(&control, format!("http://{address}")).with_context(|| format!("writing {}", control.display()))?;
    let cloud = Arc::new(cloud);
    let serving = tokio::spawn(axum::serve(listener, orders(Arc::clone(&cloud))).into_future());
    let ended = tokio::select! {
        reason = asked_to_end() => reason.map(|reason| eprintln!("{reason}; ending the local cloud")),
        lost = casualty(&cloud) => lost,
    };
    serving.abort();
    let _ = serving.await;
    let _ = fs::remove_file(control);
    // A blocking end must not run on the async threads; nobody else holds the cloud any more.
    tokio::task::spawn_blocking(move || drop(cloud)).await.context("ending the local cloud")?;
    ended
}

/// Ends the cloud of a directory, wherever it runs. Says whether there was one.
///
/// # Errors
/// When it does not end in time even after SIGKILL.
pub async fn end(directory: &Path) -> Result<bool> {
    let Some(holder) = holder(directory)? else {
        let _ = fs::remove_file(directory.join(CONTROL));
        let _ = fs::remove_file(directory.join(crate::stack::FILE));
        return Ok(false);
    };
    let deadline = Instant::now() + PATIENCE;
    children::send(holder, Signal::TERM);
    while holder_is(directory, holder)? {
        if Instant::now() > deadline {
            // The guards of its children do the rest.
            children::send(holder, Signal::KILL);
            sleep(Duration::from_secs(3)).await;
            if holder_is(directory, holder)? {
                bail!("process {holder} holds {} and does not end", directory.join(LOCK).display());
            }
            return Ok(true);
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(true)
}

/// The process that runs a cloud in this directory, if any.
///
/// # Errors
/// When the lock cannot be looked at.
pub fn holder(directory: &Path) -> Result<Option<u32>> {
    let path = directory.join(LOCK);
    let Ok(lock) = File::options().read(true).write(true).open(&path) else { return Ok(None) };
    match lock.try_lock() {
        Ok(()) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("looking at {}", path.display())),
        Err(TryLockError::WouldBlock) => {
            let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            let holder = text.trim().parse();
            Ok(Some(holder.with_context(|| format!("{} holds no process id", path.display()))?))
        }
    }
}

fn holder_is(directory: &Path, process: u32) -> Result<bool> {
    Ok(holder(directory)? == Some(process))
}

/// Where the supervisor of a directory takes orders.
///
/// # Errors
/// When none runs there.
pub fn control_url(directory: &Path) -> Result<String> {
    let file: PathBuf = directory.join(CONTROL);
    fs::read_to_string(&file).context("no local cloud runs here: start it with `cargo local up`")
}

async fn casualty(cloud: &Cloud) -> Result<()> {
    loop {
        if let Some(part) = cloud.casualty()? {
            bail!("{part} ended by itself; its log is under {}", cloud.stack.log_dir.display());
        }
        sleep(Duration::from_millis(500)).await;
    }
}

fn orders(cloud: Arc<Cloud>) -> Router {
    Router::new().route("/postgres/{order}", post(postgres)).route("/kill/{function}", post(kill)).with_state(cloud)
}

type Reply = (StatusCode, String);

async fn postgres(State(cloud): State<Arc<Cloud>>, UrlPath(order): UrlPath<String>) -> Reply {
    let done = tokio::task::spawn_blocking(move || {
        let mut postgres = cloud.postgres();
        match order.as_str() {
            "stop" => postgres.stop(),
            "start" => postgres.start_again()?,
            "pause" => postgres.pause(),
            "resume" => postgres.resume(),
            other => bail!("cannot {other} Postgres: stop, start, pause and resume are known"),
        }
        Ok(format!("Postgres: {order}"))
    });
    reply(done.await.context("ordering Postgres").flatten())
}

async fn kill(State(cloud): State<Arc<Cloud>>, UrlPath(function): UrlPath<String>) -> Reply {
    reply(cloud.kill(&function).map(|killed| format!("killed {killed} sandbox(es) of {function}")))
}

fn reply(outcome: Result<String>) -> Reply {
    match outcome {
        Ok(done) => (StatusCode::OK, done),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error:#}")),
    }
}
