//! Python tool environments under `target/tools/`, made from pinned requirements on first use.
//!
//! Each lives in a folder named after its contents, so a changed pin makes a new one. A file lock keeps
//! two processes from making the same one at once; a marker written last tells a finished environment
//! from one whose making was interrupted.

use std::{
    ffi::OsStr,
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{
    binaries::workspace,
    children::{self, LastWill},
};

/// Written when everything is in place.
const READY: &str = ".ready";

/// Pythons to try, best first. 3.10 is the oldest that SAM CLI and the emulator both run on.
const PYTHONS: &[&str] = &["python3", "python3.13", "python3.12", "python3.11", "python3.10"];

/// What a set of tools is for, and its pins.
#[derive(Debug, Clone, Copy)]
pub struct ToolSet {
    name: &'static str,
    requirements: &'static str,
}

/// The AWS emulator, with boto3 beside it.
pub const MINISTACK: ToolSet =
    ToolSet { name: "ministack", requirements: include_str!("../requirements/ministack.txt") };
/// SAM CLI and cfn-lint.
pub const SAM: ToolSet = ToolSet { name: "sam", requirements: include_str!("../requirements/sam.txt") };
/// checkov.
pub const CHECKOV: ToolSet = ToolSet { name: "checkov", requirements: include_str!("../requirements/checkov.txt") };
/// Postgres for machines that have none.
pub const POSTGRES: ToolSet = ToolSet { name: "postgres", requirements: include_str!("../requirements/postgres.txt") };
/// cargo-lambda and Zig, to build for Amazon Linux.
pub const PACKAGE: ToolSet = ToolSet { name: "package", requirements: include_str!("../requirements/package.txt") };

/// DuckDB and pyarrow, which read what archiver writes.
pub const READERS: ToolSet = ToolSet { name: "readers", requirements: include_str!("../requirements/readers.txt") };

/// A finished tool environment.
#[derive(Debug, Clone)]
pub struct Tools {
    directory: PathBuf,
}

impl ToolSet {
    /// A set of one's own; `requirements` is the text of a pip requirements file in which everything is pinned.
    #[must_use]
    pub const fn new(name: &'static str, requirements: &'static str) -> Self {
        Self { name, requirements }
    }

    /// Returns the environment, making it first if need be, with progress on stderr.
    ///
    /// # Errors
    /// When there is no suitable Python or an installation fails; what is half made is made again next time.
    pub fn install(&self) -> Result<Tools> {
        let root = target().join("tools");
        fs::create_dir_all(&root).with_context(|| format!("making {}", root.display()))?;
        let python = Python::find()?;
        let directory =
            root.join(format!("{}-{:016x}", self.name, fingerprint(&[self.requirements, &python.identity])));
        let tools = Tools { directory };
        if tools.is_ready() {
            return Ok(tools);
        }
        let lock = root.join(format!("{}.lock", self.name));
        let lock = File::create(&lock).with_context(|| format!("making {}", lock.display()))?;
        lock.lock().with_context(|| format!("waiting for another process that installs {}", self.name))?;
        if !tools.is_ready() {
            self.make(&tools, &python)?;
        }
        Ok(tools)
    }

    fn make(&self, tools: &Tools, python: &Python) -> Result<()> {
        let total = self.packages();
        eprintln!("  first use: installing {} ({total} packages) into {}", self.name, tools.directory.display());
        if tools.directory.exists() {
            fs::remove_dir_all(&tools.directory).context("removing a half-made tool environment")?;
        }
        let made = Command::new(python.program)
            .args(["-m", "venv"])
            .arg(&tools.directory)
            .output()
            .with_context(|| format!("running {} -m venv", python.program))?;
        if !made.status.success() {
            bail!(
                "{} cannot make a virtual environment: {}{}",
                python.program,
                String::from_utf8_lossy(&made.stdout).trim(),
                String::from_utf8_lossy(&made.stderr).trim()
            );
        }
        let requirements = tools.directory.join("requirements.txt");
        fs::write(&requirements, self.requirements).context("writing the requirements")?;
        self.pip_install(tools, &requirements, total)?;
        fs::write(tools.directory.join(READY), "").context("marking the tool environment as ready")
    }

    fn pip_install(&self, tools: &Tools, requirements: &Path, total: usize) -> Result<()> {
        let log = tools.directory.join("pip.log");
        let mut pip = Command::new(tools.program("python"));
        pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off", "-r"])
            .arg(requirements)
            .stdout(Stdio::piped())
            .stderr(File::create(&log).context("making pip's log")?);
        // Guarded: our lock ends with us, and a pip that lives on would write into what the next one makes.
        let mut pip = children::spawn("pip", pip, LastWill::default())?;
        let output = pip.take_stdout().context("reading pip's output")?;
        let mut seen = 0;
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if line.starts_with("Collecting ") {
                seen += 1;
                if seen % 20 == 0 {
                    eprintln!("  {}: {seen} of about {total} packages found", self.name);
                }
            } else if line.starts_with("Installing collected") {
                eprintln!("  {}: unpacking", self.name);
            }
        }
        if !pip.wait()?.success() {
            let log = fs::read_to_string(&log).unwrap_or_default();
            bail!("pip could not install {}: {}", self.name, log.trim());
        }
        Ok(())
    }

    fn packages(&self) -> usize {
        self.requirements.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()).count()
    }
}

impl Tools {
    /// The path of one of its programs.
    #[must_use]
    pub fn program(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.directory.join("bin").join(Path::new(name.as_ref()))
    }

    /// The folder all its programs are in.
    #[must_use]
    pub fn programs(&self) -> PathBuf {
        self.directory.join("bin")
    }

    /// A folder inside one of its Python packages.
    ///
    /// # Errors
    /// When the package has no such folder.
    pub fn package_folder(&self, package: &str, folder: &str) -> Result<PathBuf> {
        let library = self.directory.join("lib");
        fs::read_dir(&library)
            .with_context(|| format!("listing {}", library.display()))?
            .flatten()
            .map(|python| python.path().join("site-packages").join(package).join(folder))
            .find(|path| path.is_dir())
            .with_context(|| format!("{package} has no folder {folder} under {}", library.display()))
    }

    fn is_ready(&self) -> bool {
        self.directory.join(READY).is_file()
    }
}

/// Cargo's target directory, which everything we make lives under.
#[must_use]
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

#[derive(Debug)]
struct Python {
    program: &'static str,
    /// Version and place: an environment made by another interpreter may not run.
    identity: String,
}

impl Python {
    fn find() -> Result<Self> {
        PYTHONS.iter().find_map(|program| Self::ask(program)).context(
            "no Python 3.10 or newer found on PATH (tried python3 and python3.10 to python3.13); install one, \
             with its venv module",
        )
    }

    fn ask(program: &'static str) -> Option<Self> {
        let question = "import sys, ensurepip; assert sys.version_info >= (3, 10); print(sys.version, sys.executable)";
        let answer = Command::new(program).args(["-c", question]).output().ok()?;
        let identity = String::from_utf8(answer.stdout).ok()?;
        answer.status.success().then_some(Self { program, identity })
    }
}

/// A name for contents. It only has to be stable for one build of this program: another name is another folder.
fn fingerprint(parts: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_is_pinned() {
        for set in [MINISTACK, SAM, CHECKOV, POSTGRES, PACKAGE] {
            for line in set.requirements.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
                assert!(line.contains("=="), "{}: {line} has no version", set.name);
            }
        }
    }
}
