//! Deploys byte-equal copies of `template.yaml` and `samconfig.toml` with the real `sam deploy`.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, bail};
use testkit::{
    binaries::workspace,
    children::{self, LastWill},
    emulator::Access,
    tools,
};

use crate::package::copy;

/// Its section in `samconfig.toml`, and the environment's name.
pub const ENVIRONMENT: &str = "local";

/// Lines of SAM's output shown when it fails.
const SHOWN: usize = 40;

/// What `samconfig.toml` says about the local environment.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// The CloudFormation stack.
    pub stack_name: String,
    /// Where SAM uploads packages; it has to exist first.
    pub bucket: String,
    overrides: Vec<String>,
}

impl Parameters {
    /// Reads the project's `samconfig.toml`.
    ///
    /// # Errors
    /// When it says nothing about `local`.
    pub fn read() -> Result<Self> {
        let file = workspace().join("samconfig.toml");
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let table: toml::Table = text.parse().with_context(|| format!("reading {}", file.display()))?;
        let section = &table
            .get(ENVIRONMENT)
            .and_then(|environment| environment.get("deploy")?.get("parameters"))
            .context("samconfig.toml has no [local.deploy.parameters]")?;
        let text = |key: &str| {
            let value = section.get(key).and_then(toml::Value::as_str);
            value.map(str::to_owned).with_context(|| format!("samconfig.toml: local.deploy.parameters has no {key}"))
        };
        let overrides = section.get("parameter_overrides").and_then(toml::Value::as_array);
        let overrides = overrides.into_iter().flatten().filter_map(toml::Value::as_str).map(str::to_owned).collect();
        Ok(Self { stack_name: text("stack_name")?, bucket: text("s3_bucket")?, overrides })
    }
}

/// Puts the copies where the template's relative `CodeUri` resolves to the packages beside them.
///
/// # Errors
/// When a file cannot be copied.
pub fn prepare(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    for file in ["template.yaml", "samconfig.toml"] {
        copy(&workspace().join(file), &directory.join(file))?;
    }
    Ok(())
}

/// Runs `sam deploy` in a prepared directory; `changed` parameters replace those of `samconfig.toml`.
///
/// # Errors
/// When the deployment fails; the end of SAM's output is part of the message.
pub fn deploy(
    directory: &Path,
    log: &Path,
    access: &Access,
    parameters: &Parameters,
    changed: &[(&str, &str)],
) -> Result<()> {
    let tools = tools::SAM.install()?;
    let sink = File::create(log).with_context(|| format!("making {}", log.display()))?;
    let mut sam = Command::new(tools.program("sam"));
    sam.current_dir(directory)
        // Neither the user's profile nor their SAM settings apply here.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", directory)
        .env("SAM_CLI_TELEMETRY", "0")
        .env("LC_ALL", "C.UTF-8")
        .envs(access.variables())
        .args(["deploy", "--config-env", ENVIRONMENT])
        .stdout(sink.try_clone().context("sharing SAM's log")?)
        .stderr(sink);
    if !changed.is_empty() {
        // On the command line SAM takes all parameters or none.
        let key = |parameter: &str| parameter.split('=').next().unwrap_or_default().to_owned();
        let kept = parameters.overrides.iter().filter(|one| changed.iter().all(|(name, _)| *name != key(one)));
        sam.arg("--parameter-overrides").args(kept);
        sam.args(changed.iter().map(|(name, value)| format!("{name}={value}")));
    }
    if children::spawn("sam deploy", sam, LastWill::default())?.wait()?.success() {
        return Ok(());
    }
    let output = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = output.lines().collect();
    let end = lines.get(lines.len().saturating_sub(SHOWN)..).unwrap_or_default().join("\n");
    bail!("sam deploy failed (all of it: {}):\n{end}", log.display())
}
