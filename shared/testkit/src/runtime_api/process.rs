//! One process of a function: how it is started, and how its end is noticed.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::Launch;
use super::server::Api;
use crate::emulator::REGION;
use crate::operations;

/// A started process and the Runtime API it talks to. Each process has an API of its own, so that a late request of a
/// dead one cannot take an event meant for the next.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) api: Api,
    pub(super) id: u32,
    pub(super) started: Instant,
    status: watch::Receiver<Option<String>>,
    killing: Arc<Notify>,
    /// Owns the child, which dies with it. Should *this* process be killed, the function's next request finds nobody
    /// and it ends by itself.
    watching: JoinHandle<()>,
}

impl Process {
    pub(super) async fn start(launch: &Launch) -> anyhow::Result<Self> {
        let file_name = launch.binary.file_name().unwrap_or_default().to_string_lossy();
        let name = launch.options.name.as_deref().unwrap_or(&file_name);
        let api = Api::start(name).await?;
        let output = || -> anyhow::Result<Stdio> {
            let file = std::fs::OpenOptions::new().append(true).open(launch.output.path());
            Ok(file.context("opening the function's output")?.into())
        };
        let mut command = Command::new(&launch.binary);
        command
            .args(&launch.options.arguments)
            .stdin(Stdio::null())
            .stdout(output()?)
            .stderr(output()?)
            .kill_on_drop(true)
            .env_clear()
            .env(operations::VARIABLE, operations::folder()?);
        set_environment(&mut command, launch, name, &api);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("starting the function {}", launch.binary.display()))?;
        let id = child.id().context("the function ended before it could be looked at")?;
        let (announce, status) = watch::channel(None);
        let killing = Arc::new(Notify::new());
        let watching = tokio::spawn(watch_over(child, Arc::clone(&killing), announce));
        Ok(Self { api, id, started, status, killing, watching })
    }

    pub(super) fn is_alive(&self) -> bool {
        self.status.borrow().is_none()
    }

    /// Waits for the end and says how it came.
    pub(super) async fn ended(&self) -> String {
        let mut status = self.status.clone();
        let ended = status.wait_for(Option::is_some).await;
        ended.ok().and_then(|status| status.clone()).unwrap_or_else(|| "no status".to_owned())
    }

    pub(super) async fn kill(&self) {
        self.killing.notify_one();
        self.ended().await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

async fn watch_over(mut child: Child, killing: Arc<Notify>, announce: watch::Sender<Option<String>>) {
    let ended: std::io::Result<ExitStatus> = tokio::select! {
        ended = child.wait() => ended,
        () = killing.notified() => {
            // It may have ended a moment before; then waiting says so.
            let _ = child.start_kill();
            child.wait().await
        }
    };
    let status = ended.map_or_else(|error| format!("unknown status: {error}"), |status| status.to_string());
    announce.send_replace(Some(status));
}

/// What Lambda sets
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>), then what the caller asked for.
fn set_environment(command: &mut Command, launch: &Launch, name: &str, api: &Api) {
    let folder = launch.binary.parent().unwrap_or(&launch.binary);
    let task_root = launch.options.task_root.as_deref().unwrap_or(folder);
    command
        .current_dir(task_root)
        .env("LAMBDA_TASK_ROOT", task_root)
        .env("AWS_LAMBDA_RUNTIME_API", api.address())
        .env("AWS_LAMBDA_FUNCTION_NAME", name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", launch.options.memory_mb.to_string())
        .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}"))
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "sandbox")
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        .env("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023")
        .env("_HANDLER", "bootstrap")
        .env("AWS_REGION", REGION)
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_SESSION_TOKEN", "test")
        .env("TZ", ":UTC")
        .env("LANG", "en_US.UTF-8")
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .envs(launch.environment.iter().map(|(name, value)| (name, value)));
}
