//! cfn-lint over the template and over what SAM makes of it: each sees faults that the other hides.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};
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
