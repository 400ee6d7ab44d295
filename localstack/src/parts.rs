//! The parts of a cloud, started side by side, and what has to exist before the first deployment.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use testkit::{emulator::Emulator, postgres::Postgres, receivers::Receivers, tools};
use tokio::task::spawn_blocking;

use crate::{
    aws::Aws,
    cloud::{Options, RUNPOD_KEY},
    deploy::{self, Parameters},
    package, pipeline,
    progress::Progress,
    stack::Stack,
};

/// What takes time and does not depend on each other.
pub(crate) struct Parts {
    pub(crate) emulator: Emulator,
    pub(crate) postgres: Postgres,
    pub(crate) functions: Vec<(String, PathBuf)>,
}

impl Parts {
    pub(crate) async fn start(options: &Options, logs: &Path, progress: Progress) -> Result<Self> {
        progress.say("starting Postgres and the AWS emulator, building the functions");
        let variables = options.variables.clone();
        let (files, log) = (options.directory.join("emulator"), logs.join("emulator.log"));
        let emulator = spawn_blocking(move || {
            let emulator = Emulator::start(&files, &log, &variables)?;
            progress.say("the AWS emulator answers");
            anyhow::Ok(emulator)
        });
        let postgres = spawn_blocking(move || {
            let postgres = Postgres::start()?;
            postgres.create_database(pipeline::DATABASE)?;
            progress.say("Postgres answers");
            anyhow::Ok(postgres)
        });
        let functions = spawn_blocking(move || {
            let functions = package::build()?;
            progress.say("the functions are built");
            anyhow::Ok(functions)
        });
        let sam = spawn_blocking(|| tools::SAM.install());
        let (emulator, postgres, functions, sam) = tokio::join!(emulator, postgres, functions, sam);
        sam.context("installing SAM CLI")??;
        Ok(Self {
            emulator: emulator.context("starting the AWS emulator")??,
            postgres: postgres.context("starting Postgres")??,
            functions: functions.context("building the functions")??,
        })
    }
}

/// What exists in an account before the first deployment: secrets, and a place for packages.
pub(crate) async fn prepare_account(
    aws: &Aws,
    stack: &Stack,
    parameters: &Parameters,
    receivers: &Receivers,
) -> Result<()> {
    for bucket in stack.buckets.values().chain([&parameters.bucket]) {
        aws.create_bucket(bucket).await?;
    }
    let secrets = [
        ("database/url", stack.database_url.clone()),
        ("database/pipeline_url", stack.database_url.clone()),
        ("sources/runpod", RUNPOD_KEY.to_owned()),
        ("sources/runpod_url", stack.runpod_url.clone()),
        ("receivers/pagerduty", "local-routing-key-00000000000000".to_owned()),
        ("receivers/pagerduty_url", receivers.pagerduty_url()),
        ("receivers/hook_url", receivers.hook_url()),
        ("receivers/slack", receivers.slack_url()),
        ("receivers/telegram_token", "1000000000:local-bot-token-0000000000000".to_owned()),
        ("receivers/telegram_url", receivers.telegram_url()),
    ];
    for (name, value) in secrets {
        aws.put_secret(&format!("{}/{name}", stack.ssm_prefix), &value).await?;
    }
    Ok(())
}

/// Everything `sam deploy` needs, in one folder.
pub(crate) fn lay_out(deployment: &Path, functions: &[(String, PathBuf)], watch_file: Option<&Path>) -> Result<()> {
    if deployment.exists() {
        fs::remove_dir_all(deployment).with_context(|| format!("emptying {}", deployment.display()))?;
    }
    deploy::prepare(deployment)?;
    package::lay_out(functions, &deployment.join("target/lambda"), watch_file)
}
