//! Runs SQL scripts of the runbooks as people do: with psql.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::installed;

/// Runs a script against the database at `url`, with psql variables; answers what psql prints.
///
/// # Errors
/// When there is no psql, or it fails; then with what it complains of.
pub fn run_script(url: &str, script: &Path, variables: &[(&str, &str)]) -> Result<String> {
    let mut command = Command::new(installed::psql()?);
    for (name, value) in variables {
        command.arg("--set").arg(format!("{name}={value}"));
    }
    // No one's own settings.
    let output = command.arg("--no-psqlrc").arg("--file").arg(script).arg(url).output().context("running psql")?;
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{}: {said}{complained}", script.display());
    Ok(said.into_owned())
}
