//! Alertmanager beside us: it keeps alerts in memory, and takes them in batches over HTTP.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;
use tempfile::TempDir;
use testkit::children::{self, Child, LastWill};
use testkit::postgres::free_port;

use super::installed;
use crate::memory::{self, Memory};

/// Everything goes to a receiver that tells nobody.
const CONFIGURATION: &str = "route: {receiver: nobody, group_by: [alertname]}\nreceivers: [{name: nobody}]\n";

/// A running server.
pub(super) struct Alertmanager {
    http: reqwest::Client,
    url: String,
    process: Child,
    _directory: TempDir,
}

/// The program (Debian: `apt-get install prometheus-alertmanager`).
pub(super) fn program() -> Option<PathBuf> {
    installed("prometheus-alertmanager").or_else(|| installed("alertmanager"))
}

impl Alertmanager {
    pub(super) async fn start(program: PathBuf) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir().context("making a folder for Alertmanager")?;
        let configuration = directory.path().join("alertmanager.yml");
        std::fs::write(&configuration, CONFIGURATION).context("writing Alertmanager's configuration")?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let mut command = Command::new(program);
        command.arg(format!("--config.file={}", configuration.display()));
        command.arg(format!("--storage.path={}", directory.path().join("data").display()));
        command.arg(format!("--web.listen-address={address}")).arg("--cluster.listen-address=");
        let log = std::fs::File::create(directory.path().join("log")).context("making Alertmanager's log")?;
        command.stdout(log.try_clone().context("sharing Alertmanager's log")?).stderr(log);
        let will = LastWill { ask_first: None, remove: Some(directory.path()) };
        let process = children::spawn("Alertmanager", command, will)?;
        let http = reqwest::Client::builder().no_proxy().build().context("making a client")?;
        let url = format!("http://{address}");
        let began = Instant::now();
        loop {
            let ready = http.get(format!("{url}/-/ready")).send().await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                break;
            }
            ensure!(began.elapsed() < Duration::from_secs(20), "Alertmanager does not answer at {url}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Self { http, url: format!("{url}/api/v2/alerts"), process, _directory: directory })
    }

    /// Posts alerts, and says how long it took until they were accepted.
    pub(super) async fn take(&self, alerts: &Value) -> anyhow::Result<Duration> {
        let body = alerts.to_string();
        let began = Instant::now();
        let request = self.http.post(&self.url).header("content-type", "application/json").body(body);
        request.send().await?.error_for_status().context("posting to Alertmanager")?;
        Ok(began.elapsed())
    }

    pub(super) fn memory(&self) -> anyhow::Result<Memory> {
        memory::of(self.process.id())
    }
}
