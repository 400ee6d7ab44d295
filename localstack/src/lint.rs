//! cfn-lint and checkov over the template and over what SAM makes of it: each form hides faults that the other shows.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use testkit::{
    binaries::workspace,
    emulator::REGION,
    tools::{self, Tools, target},
};

use crate::checkov;

/// Lints `template.yaml`; findings go to the terminal.
///
/// # Errors
/// When there are findings, or the tools cannot be installed.
pub fn lint() -> Result<()> {
    let tools = tools::SAM.install()?;
    let source = workspace().join("template.yaml");
    let translation = translate(&tools, &source)?;
    let forms = [source.as_path(), translation.as_path()];
    // Each takes seconds and mostly one core.
    let (understood, findings) = thread::scope(|scope| {
        let checkov = scope.spawn(|| checkov::check(&forms));
        let understood = forms.iter().map(|form| cfn_lint(&tools, form)).collect::<Result<Vec<bool>>>();
        (understood, checkov.join())
    });
    let findings = findings.map_err(|_| anyhow!("running checkov ended in a panic"))??;
    for finding in &findings {
        eprintln!("{finding}");
    }
    let clean = findings.is_empty() && understood?.iter().all(|clean| *clean);
    if !clean {
        bail!("template.yaml has faults (listed above)");
    }
    println!("template.yaml: nothing found by cfn-lint and checkov, before and after SAM's translation");
    Ok(())
}

/// What SAM makes of `template.yaml`: the plain CloudFormation template that is deployed.
///
/// # Errors
/// When SAM cannot translate it, or the tools cannot be installed.
pub fn translated() -> Result<Value> {
    let tools = tools::SAM.install()?;
    let file = translate(&tools, &workspace().join("template.yaml"))?;
    let text = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", file.display()))
}

fn cfn_lint(tools: &Tools, template: &Path) -> Result<bool> {
    let lint = Command::new(tools.program("cfn-lint"))
        .args(["--regions", REGION, "--non-zero-exit-code", "informational", "--template"])
        .arg(template)
        .status()
        .context("running cfn-lint")?;
    Ok(lint.success())
}

fn translate(tools: &Tools, template: &Path) -> Result<PathBuf> {
    let translation = Command::new(tools.program("python"))
        .args(["-c", include_str!("../tools/translate.py")])
        .arg(template)
        .arg(REGION)
        .env("AWS_DEFAULT_REGION", REGION)
        .output()
        .context("translating template.yaml")?;
    if !translation.status.success() {
        bail!("SAM cannot translate template.yaml: {}", String::from_utf8_lossy(&translation.stderr).trim());
    }
    let file = target().join("template.translated.json");
    fs::write(&file, translation.stdout).with_context(|| format!("writing {}", file.display()))?;
    Ok(file)
}
