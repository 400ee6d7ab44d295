//! cfn-lint over the template and over what SAM makes of it: each sees faults that the other hides.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use testkit::{
    binaries::workspace,
    emulator::REGION,
    tools::{self, Tools, target},
};

/// Lints `template.yaml`; findings go to the terminal.
///
/// # Errors
/// When there are findings, or the tools cannot be installed.
pub fn lint() -> Result<()> {
    let tools = tools::SAM.install()?;
    let template = workspace().join("template.yaml");
    let source = cfn_lint(&tools, &template)?;
    let translated = cfn_lint(&tools, &translate(&tools, &template)?)?;
    if !(source && translated) {
        bail!("cfn-lint found faults in template.yaml (listed above)");
    }
    println!("template.yaml: no findings in the source, none in what SAM makes of it");
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

fn translate(tools: &Tools, template: &Path) -> Result<std::path::PathBuf> {
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
