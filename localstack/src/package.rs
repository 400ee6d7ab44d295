//! Builds the functions and lays out what is deployed of each: `bootstrap`, `config/`, `samconfig.toml`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use testkit::{
    binaries::{self, workspace},
    children::{self, LastWill},
    tools::{self, target},
};

/// The newest glibc symbols that Amazon Linux 2023 has.
const GLIBC: &str = "2.34";

/// The names of all functions: the folders under `functions/`.
///
/// # Errors
/// When the folder cannot be listed.
pub fn functions() -> Result<Vec<String>> {
    let folder = workspace().join("functions");
    let entries = fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

/// Builds every function in the profile of the running program, with cargo's output on the terminal.
///
/// # Errors
/// When the build fails.
pub fn build() -> Result<Vec<(String, PathBuf)>> {
    let names = functions()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(workspace()).args(["build", "--bins"]);
    for name in &names {
        build.args(["--package", name]);
    }
    if !children::spawn("cargo build", build, LastWill::default())?.wait()?.success() {
        bail!("cargo could not build the functions; its messages are above");
    }
    // Asks once more where they are, in the profile and target folder of this very program.
    names.into_iter().map(|name| Ok((name.clone(), binaries::binary(&name)?))).collect()
}

/// Puts one folder per function into `into`, as `template.yaml` names them.
///
/// # Errors
/// When something cannot be copied.
pub fn lay_out(built: &[(String, PathBuf)], into: &Path, watch_file: Option<&Path>) -> Result<()> {
    for (name, binary) in built {
        let folder = into.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        copy_slim(binary, &folder.join("bootstrap"))?;
        add_configuration(&folder)?;
        if let Some(watch_file) = watch_file {
            copy(watch_file, &folder.join("config/local.toml"))?;
        }
    }
    Ok(())
}

/// `cargo package-functions`: release builds for Amazon Linux, in `target/lambda/`.
///
/// # Errors
/// When a watch file is wrong, tools cannot be installed or a build fails.
pub fn package(architecture: &str) -> Result<()> {
    check_watch_files()?;
    let tools = tools::PACKAGE.install()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(tools.programs()).chain(std::env::split_paths(&path)))
        .context("putting cargo-lambda on the PATH")?;
    let machine = match architecture {
        "arm64" => "aarch64",
        _ => "x86_64",
    };
    let names = functions()?;
    let mut build = Command::new(tools.program("cargo-lambda"));
    build
        .current_dir(workspace())
        .env("PATH", path)
        .args(["lambda", "build", "--release", "--target", &format!("{machine}-unknown-linux-gnu.{GLIBC}")])
        .arg("--lambda-dir")
        .arg(target().join("lambda"));
    for name in &names {
        build.args(["--bin", name]);
    }
    if !children::spawn("cargo lambda build", build, LastWill::default())?.wait()?.success() {
        bail!("cargo-lambda could not build the functions; its messages are above");
    }
    for name in names {
        let folder = target().join("lambda").join(&name);
        add_configuration(&folder)?;
        let size = fs::metadata(folder.join("bootstrap")).with_context(|| format!("no bootstrap of {name}"))?.len();
        println!("{name:<16} {:>6.1} MiB  {}", size as f64 / 1_048_576.0, folder.display());
    }
    Ok(())
}

/// A wrong watch file would only be found by the deployment, which then rolls back.
fn check_watch_files() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut check = Command::new(cargo);
    check.current_dir(workspace()).args(["run", "--quiet", "--package", "config", "--bin", "check-config"]);
    if !check.status().context("running check-config")?.success() {
        bail!("a watch file is wrong (above); nothing was built");
    }
    Ok(())
}

/// The watch files and the parameters travel with each function, so that an edit of either is a new version of it.
fn add_configuration(folder: &Path) -> Result<()> {
    let config = folder.join("config");
    if config.exists() {
        fs::remove_dir_all(&config).with_context(|| format!("emptying {}", config.display()))?;
    }
    fs::create_dir_all(&config).with_context(|| format!("making {}", config.display()))?;
    let source = workspace().join("config");
    for entry in fs::read_dir(&source).with_context(|| format!("listing {}", source.display()))?.flatten() {
        if entry.path().is_file() {
            copy(&entry.path(), &config.join(entry.file_name()))?;
        }
    }
    copy(&workspace().join("samconfig.toml"), &folder.join("samconfig.toml"))
}

/// Copies a binary without its symbols where there is a `strip`: SAM zips half as much, and the deployment is a third
/// faster. A panic names its file and line all the same.
fn copy_slim(from: &Path, to: &Path) -> Result<()> {
    let stripped = Command::new("strip").arg("-o").args([to, from]).output();
    if stripped.is_ok_and(|strip| strip.status.success()) { Ok(()) } else { copy(from, to) }
}

/// Copies one file, naming both ends when it fails.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
    Ok(())
}
