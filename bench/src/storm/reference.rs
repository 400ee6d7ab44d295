//! The Python reference in a storm, with the Redis that it counts in.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tempfile::TempDir;
use testkit::binaries::workspace;
use testkit::children::{self, Child, LastWill};
use testkit::postgres::free_port;
use testkit::runtime_api::{Options, Sandbox};

use super::floor::Floor;
use super::installed;
use crate::world::World;

/// As the reference declares it.
const TABLE: &str = "
    drop schema if exists reference cascade;
    create schema reference;
    create table reference.watcher_alerts (
        alert_id        uuid        primary key,
        event_type      text        not null,
        worker_id       text,
        severity        text        not null check (severity in ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW')),
        message         text,
        fingerprint     text,
        sent_at         timestamptz,
        acknowledged_at timestamptz,
        acknowledged_by text,
        environment     text        not null,
        metadata        jsonb
    );
    create index on reference.watcher_alerts (severity);
    create index on reference.watcher_alerts (sent_at desc);
    create index on reference.watcher_alerts (worker_id);
    create index on reference.watcher_alerts (acknowledged_at) where acknowledged_at is null;
    create index on reference.watcher_alerts (fingerprint);
    create index on reference.watcher_alerts (environment);";

/// A warm function and its Redis.
pub(super) struct Reference {
    pub(super) sandbox: Sandbox,
    _redis: Child,
    _directory: TempDir,
}

/// The program of Redis (Debian: `apt-get install redis-server`).
pub(super) fn program() -> Option<PathBuf> {
    installed("redis-server")
}

impl Reference {
    pub(super) async fn start(redis: PathBuf, world: &World, floor: &Floor) -> anyhow::Result<Self> {
        floor.run(TABLE).await?;
        let directory = tempfile::tempdir().context("making a folder for Redis")?;
        let port = free_port()?.to_string();
        let mut command = Command::new(redis);
        // In memory only: as fast as it can be.
        command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--logfile", "log"]);
        command.current_dir(directory.path());
        let redis = children::spawn("Redis", command, LastWill { ask_first: None, remove: Some(directory.path()) })?;
        let began = Instant::now();
        while std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_err() {
            ensure!(began.elapsed() < Duration::from_secs(10), "Redis does not listen on port {port}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let program = workspace().join("bench/peer/storm.py");
        let options = Options {
            name: Some("reference".to_owned()),
            arguments: vec![program.to_string_lossy().into_owned()],
            timeout: Duration::from_secs(120),
            ..Options::default()
        };
        let environment = [("REDIS_PORT", port), ("DATABASE_URL", world.database_url.clone())];
        let sandbox = Sandbox::start(&world.python, environment, options).await?;
        sandbox.first_poll().await?;
        Ok(Self { sandbox, _redis: redis, _directory: directory })
    }
}
